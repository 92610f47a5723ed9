//! A state machine, parsed once.

use crate::diagnostics::DefinitionErrors;

/// A checked definition. Whatever [`StateMachine::parse`] accepts, the interpreter runs as AWS does.
#[derive(Clone, Debug, PartialEq)]
pub struct StateMachine {}

impl StateMachine {
    /// Parses and checks a definition, with every problem at once as AWS `CreateStateMachine` reports them.
    pub fn parse(_definition: &str) -> Result<Self, DefinitionErrors> {
        todo!("the parser follows")
    }
}
