//! ECS: tasks and services as processes.
