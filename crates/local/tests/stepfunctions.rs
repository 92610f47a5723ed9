//! Step Functions with the real client in front of it: the wire API and its errors, the integrations, and crashes.

#[path = "stepfunctions/crashes.rs"]
mod crashes;
#[path = "stepfunctions/integrations.rs"]
mod integrations;
#[path = "stepfunctions/real.rs"]
mod real;
#[path = "stepfunctions/states.rs"]
mod states;
#[path = "stepfunctions/wire.rs"]
mod wire;
#[path = "stepfunctions/world.rs"]
mod world;
