//! The shipped state machine, run over the real steps: every kind of operation, every state failing once, every state
//! repeated once.

mod aws;
mod world;

mod definition;
mod every_state;
mod kinds;
