//! Step Functions with the real client in front of it: the wire API and its errors, the integrations, and crashes.

mod crashes;
mod integrations;
mod real;
mod recovery;
mod states;
mod wire;
mod world;
