//! The deployment configuration that a service has for one update, and the one that it had before.
//!
//! A released service that is restored would go back as it came: with a canary, most requests would stay with the failed release for as
//! long as the first step bakes. So it goes back at once. And ECS restores no service of a release that may not roll back: without the
//! circuit breaker's rollback, a failed rollout leaves the previous tasks and the failure as they are.
//!
//! A change of the configuration alone begins no deployment
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>).

use aws_sdk_ecs::types::{
    CanaryConfiguration, DeploymentConfiguration, DeploymentLifecycleHookTargetType, DeploymentStrategy,
    LinearConfiguration, Service,
};
use slipway_model::contract::{InvalidPercent, Percent};
use slipway_model::operation::Operation;
use slipway_model::operation::reconfigure::{self, Deploys, Reconfigured};

use crate::payload::Updated;
use crate::resume::Restorer;
use crate::stack_account::{Place, StackAccount};
use crate::state::Direction;
use crate::{StepError, Steps, aws};

impl Steps {
    /// The configuration with which a service is to be updated, if that is not its own. Its own is on the operation's record.
    pub(crate) async fn reconfigure(
        &self,
        known: Operation,
        account: &StackAccount,
        direction: Direction,
        cluster: &str,
        updated: &Updated,
    ) -> Result<Option<DeploymentConfiguration>, StepError> {
        if direction == Direction::Release && known.may_roll_back() {
            return Ok(None);
        }
        let service = account.described(cluster, &updated.name).await?;
        let Some(own) = service.and_then(|service| service.deployment_configuration) else {
            return Ok(None);
        };
        let Some(before) = deploys(&own) else {
            tracing::warn!(service = %updated.key, "the service keeps its deployment configuration, which has hooks that call functions");
            return Ok(None);
        };
        // In a release, a progressive deployment in progress is stopped, and a service whose requests have shifted keeps the release.
        if before.is_progressive() != (direction == Direction::Restore) {
            return Ok(None);
        }
        let wanted = before.changed();
        if wanted == before {
            return Ok(None);
        }
        let reconfigured = Reconfigured {
            key: updated.key.clone(),
            name: updated.name.clone(),
            cluster: cluster.to_owned(),
            before,
        };
        let note = |operation: &mut Operation| {
            operation.reconfigure(&reconfigured);
            Ok(())
        };
        self.store.update_known_operation(known, note).await?;
        Ok(Some(with(own, &wanted)))
    }

    /// Lets the services on the record deploy as before. What fails stays on the record: the sweeper repeats it.
    pub(crate) async fn configure_recorded(&self, known: Operation, place: &Place) -> Operation {
        let mut left = known;
        for service in left.quiesced.configurations.clone() {
            let configured = async {
                let account = self.stack_account(place, &left.id).await?;
                account.configure_as_before(&service, self.restorer(&left)).await?;
                let note = |operation: &mut Operation| {
                    operation.configured_as_before(&service.key);
                    Ok(())
                };
                Ok::<_, StepError>(self.store.update_known_operation(left.clone(), note).await?)
            };
            match configured.await {
                Ok(known) => left = known,
                Err(error) => {
                    tracing::warn!(service = %service.key, "the service deploys in another way than before: {error}");
                }
            }
        }
        left
    }
}

impl StackAccount {
    /// A service that no longer exists is configured in no way. A newer configuration remains.
    pub(crate) async fn configure_as_before(
        &self,
        service: &Reconfigured,
        restorer: Restorer<'_>,
    ) -> Result<(), StepError> {
        let Reconfigured {
            name, cluster, before, ..
        } = service;
        let described = self.described(cluster, name).await?;
        let Some(now) = described.and_then(|described| described.deployment_configuration) else {
            return Ok(());
        };
        let Some(found) = deploys(&now) else {
            tracing::warn!(service = %service.key, "the service keeps its newer deployment configuration, which has hooks that call functions");
            return Ok(());
        };
        let wanted = before.restored(&found);
        if wanted == found || !restorer.may().await? {
            return Ok(());
        }
        let update = self.ecs.update_service().cluster(cluster).service(name);
        let update = update.deployment_configuration(with(now, &wanted)).send();
        let doing = format!("restore the deployment configuration of the service `{}`", service.key);
        update.await.map(drop).map_err(|error| aws::failed(doing, error))
    }

    async fn described(&self, cluster: &str, name: &str) -> Result<Option<Service>, StepError> {
        let doing = format!("read the deployment configuration of the service `{name}`");
        let service = self.service(cluster, name, &doing).await?;
        Ok(service.filter(|service| service.status() == Some("ACTIVE")))
    }
}

/// How a service deploys; none if an update cannot say it: hooks that call functions need a role that the workflow may not pass on.
fn deploys(configuration: &DeploymentConfiguration) -> Option<Deploys> {
    let mut hooks = configuration.lifecycle_hooks().iter();
    if hooks.any(|hook| hook.target_type() != Some(&DeploymentLifecycleHookTargetType::Pause)) {
        return None;
    }
    let steps = |percent: Option<f64>, minutes| -> Result<reconfigure::Steps, InvalidPercent> {
        let percent = percent.map(Percent::try_from).transpose()?;
        Ok(reconfigure::Steps { percent, minutes })
    };
    let linear = configuration.linear_configuration();
    let linear = linear.map(|it| steps(it.step_percent(), it.step_bake_time_in_minutes()));
    let canary = configuration.canary_configuration();
    let canary = canary.map(|it| steps(it.canary_percent(), it.canary_bake_time_in_minutes()));
    let strategy = configuration
        .strategy()
        .map_or(Deploys::ROLLING, DeploymentStrategy::as_str);
    let breaker = configuration.deployment_circuit_breaker();
    let alarms = configuration.alarms();
    Some(Deploys {
        strategy: strategy.to_owned(),
        bake_minutes: configuration
            .bake_time_in_minutes()
            .filter(|_| strategy != Deploys::ROLLING),
        linear: linear.transpose().ok()?,
        canary: canary.transpose().ok()?,
        breaker_rolls_back: breaker.is_some_and(|breaker| breaker.rollback),
        alarms_roll_back: alarms.is_some_and(|alarms| alarms.rollback),
    })
}

/// The whole configuration of a service that is to deploy in this way: ECS's documentation does not say what becomes of members that an
/// update leaves out.
fn with(mut own: DeploymentConfiguration, deploys: &Deploys) -> DeploymentConfiguration {
    if let Some(breaker) = &mut own.deployment_circuit_breaker {
        breaker.rollback = deploys.breaker_rolls_back;
    }
    if let Some(alarms) = &mut own.alarms {
        alarms.rollback = deploys.alarms_roll_back;
    }
    own.strategy = Some(DeploymentStrategy::from(deploys.strategy.as_str()));
    own.bake_time_in_minutes = deploys.bake_minutes;
    own.linear_configuration = deploys.linear.map(|steps| {
        LinearConfiguration::builder()
            .set_step_percent(steps.percent.map(f64::from))
            .set_step_bake_time_in_minutes(steps.minutes)
            .build()
    });
    own.canary_configuration = deploys.canary.map(|steps| {
        CanaryConfiguration::builder()
            .set_canary_percent(steps.percent.map(f64::from))
            .set_canary_bake_time_in_minutes(steps.minutes)
            .build()
    });
    own
}
