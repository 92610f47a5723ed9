//! What callers may change of a service: `UpdateService` and `DeleteService`.

use super::super::invalid_parameter;
use super::super::load_balancer::LoadBalancer;
use super::super::service::{RolloutState, ServiceStatus};
use super::super::supervise::free_port;
use super::{Ending, Reply, Scheduler, Update};
use crate::wire::AwsError;

impl Scheduler {
    pub(super) async fn update(&mut self, update: Update) -> Result<(), AwsError> {
        if self.service.status != ServiceStatus::Active || !matches!(self.ending, Ending::Not) {
            return Err(AwsError::new("ServiceNotActiveException", "Service was not ACTIVE."));
        }
        if let Some((_, Some(port))) = update.definition {
            self.open(port).await?;
        }
        let current = self.service.primary().map(|primary| primary.definition.clone());
        let definition = update
            .definition
            .map(|(definition, _)| definition)
            .or_else(|| current.clone());
        let desired = update.desired.unwrap_or(self.service.desired);
        if definition.is_none() && desired > 0 {
            return Err(invalid_parameter("TaskDefinition can not be blank."));
        }
        let is_scaled = desired != self.service.desired;
        self.service.desired = desired;
        if let Some(configuration) = update.configuration {
            self.service.configuration = configuration;
        }
        // A deployment that has failed is over: whatever is asked for next is a new one.
        let is_over = self
            .service
            .primary()
            .is_some_and(|it| it.state == RolloutState::Failed);
        match definition {
            Some(definition) if update.force || is_over || Some(&definition) != current.as_ref() => {
                self.deploy(definition);
            }
            // A caller may wait for the new number of tasks: the deployment completes again.
            Some(_) if is_scaled => {
                if let Some(primary) = self.service.primary_mut() {
                    let reason = format!("ECS deployment {} in progress.", primary.id);
                    primary.set(RolloutState::InProgress, reason);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Opens the service's port, once for its life.
    async fn open(&mut self, wanted: u16) -> Result<(), AwsError> {
        match self.service.port {
            Some(port) if wanted == 0 || wanted == port => Ok(()),
            Some(port) => Err(invalid_parameter(format!(
                "A service keeps its port for life: {} listens on {port}, and the task definition asks for {wanted}. \
                 Create another service.",
                self.service.name
            ))),
            None => {
                let unavailable = |port: u16| {
                    move |error: std::io::Error| {
                        invalid_parameter(format!("Port {port} cannot be listened on: {error}."))
                    }
                };
                let port = match wanted {
                    0 => free_port().map_err(unavailable(0))?,
                    port => port,
                };
                self.front = Some(LoadBalancer::open(port).await.map_err(unavailable(port))?);
                self.service.port = Some(port);
                Ok(())
            }
        }
    }

    /// Ends the service, when its tasks may be stopped.
    pub(super) fn delete(&mut self, force: bool, reply: Reply) {
        if self.service.desired > 0 && !force {
            let message = "The service cannot be stopped while it is scaled above 0.";
            let _ = reply.send(Err(invalid_parameter(message)));
            return;
        }
        match &mut self.ending {
            Ending::Delete(replies) => replies.push(reply),
            Ending::Shutdown(_) => {}
            Ending::Not => {
                self.ending = Ending::Delete(vec![reply]);
                self.service.status = ServiceStatus::Draining;
                self.service.desired = 0;
                // A deleted service is not reachable.
                self.front = None;
                self.stop_all("The service was deleted");
            }
        }
    }
}
