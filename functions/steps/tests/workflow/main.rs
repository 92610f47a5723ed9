//! The shipped state machine, run over the real steps: every kind of operation, every state failing once, every state
//! repeated once.

mod aws;
mod aws_calls;
mod bake;
mod ground;
#[path = "../../../api/tests/runtime_stub/mod.rs"]
mod runtime_stub;
mod sts;
mod world;

mod beside;
mod binary;
mod cancels;
mod contracts;
mod crowd;
mod definition;
mod empty_log;
mod every_state;
mod failed_writes;
mod kinds;
mod lock_timeouts;
mod needs_attention;
mod notified;
mod on_moto;
mod one_off;
mod other_account;
mod pauses;
mod quiesced;
mod reconfigured;
mod released;
mod repeated;
mod rollouts;
mod secrets;
mod snapshots;
mod stopped;
