//! Answers to the states of the workflow that wait with a task token.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::SdkError;
use slipway_model::operation::Failure;

use crate::Error;

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// The state goes on with it.
    Accepted,
    /// Step Functions rejects the token: the attempt that it belonged to has ended, because the state was answered, was retried
    /// with another token, or ended otherwise. It never means that the state has got *this* answer.
    Stale,
}

/// Ends the state that waits, with this output.
pub async fn succeed(sfn: &Client, token: &str, output: &str) -> Result<Answer, Error> {
    let request = sfn.send_task_success().task_token(token).output(output);
    answer(request.send().await.map(drop))
}

/// Fails the state that waits.
pub async fn fail(sfn: &Client, token: &str, error: &str, cause: &str) -> Result<Answer, Error> {
    let request = sfn.send_task_failure().task_token(token).error(error).cause(cause);
    answer(request.send().await.map(drop))
}

/// Fails the state that waits, with what the operation is going to fail with.
pub(crate) async fn fail_with(sfn: &Client, token: &str, failure: &Failure) -> Result<Answer, Error> {
    fail(sfn, token, &failure.name, &failure.message).await
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html#API_SendTaskSuccess_Errors>
fn answer<E>(sent: Result<(), SdkError<E>>) -> Result<Answer, Error>
where
    aws_sdk_sfn::Error: From<SdkError<E>>,
{
    use aws_sdk_sfn::Error::{InvalidToken, TaskDoesNotExist, TaskTimedOut};
    match sent.map_err(aws_sdk_sfn::Error::from) {
        Ok(()) => Ok(Answer::Accepted),
        Err(InvalidToken(_) | TaskDoesNotExist(_) | TaskTimedOut(_)) => Ok(Answer::Stale),
        Err(error) => Err(Error::Answer(Box::new(error))),
    }
}
