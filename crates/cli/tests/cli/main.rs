//! The `slipway` command from outside: one program, so that it is linked once. A file is one subject.

mod access;
mod architecture;
mod authors;
mod blueprints;
mod browser;
mod cancel;
mod commands;
mod configuration;
mod decisions;
mod demo;
mod events;
mod examples;
mod lock_timeouts;
mod migrations;
mod notifications;
mod operations;
mod pauses;
mod policies;
mod publish;
mod readme;
mod secrets;
mod support;
mod terminal;
mod vendoring;
mod versions;
mod watchers;
