//! One file for each noun of the command line.

pub mod audit;
pub mod aws;
pub mod blueprint;
pub mod configuration;
pub mod console;
pub mod environment;
pub mod event;
pub mod events;
pub mod example;
pub mod image;
pub mod login;
pub mod logs;
pub mod migration;
pub mod open;
pub mod operation;
pub mod plan;
pub mod policy;
pub mod publish;
pub mod release;
pub mod source_account;
pub mod stack;
pub mod task;
pub mod up;
pub mod webhook;
