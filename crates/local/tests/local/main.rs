//! Local mode from outside: one program, so that the AWS SDKs are linked once. A file is one subject.

mod aws_cli;
mod emulator_calls;
mod full_disk;
mod notifications;
mod server;
mod support;
mod template;
