//! CodeBuild: runs a project's buildspec as a process.
