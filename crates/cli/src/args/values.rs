//! The values of arguments.

use std::str::FromStr;

use semver::Version;
use slipway_model::id::{ReleaseNumber, StackId};
use slipway_model::name::{Image, Name};

/// A blueprint with or without a version: `web` or `web@1.2.0`.
#[derive(Debug, Clone)]
pub struct BlueprintRef {
    pub name: Name,
    pub version: Option<Version>,
}

impl FromStr for BlueprintRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let name = name.parse().map_err(|error| format!("{error}"))?;
        let version = version.map(str::parse).transpose();
        let version = version.map_err(|error| format!("the version is not like `1.2.0`: {error}"))?;
        Ok(Self { name, version })
    }
}

/// A stack by its id or by its name, which another environment may have too: `lusab-babad`, `shop` or `staging/shop`.
#[derive(Debug, Clone)]
pub enum StackRef {
    Id(StackId),
    Named { environment: Option<Name>, name: Name },
}

impl FromStr for StackRef {
    type Err = String;

    /// What may be an id is one.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let (environment, name) = match text.split_once('/') {
            Some((environment, name)) => (Some(environment), name),
            None => (None, text),
        };
        let environment = environment.map(str::parse).transpose();
        let environment = environment.map_err(|error| format!("the environment {error}"))?;
        let name = name.parse().map_err(|error| format!("{error}"))?;
        Ok(Self::Named { environment, name })
    }
}

pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write `NAME=VALUE`")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn service_image(text: &str) -> Result<(Name, Image), String> {
    let (service, image) = text.split_once('=').ok_or("write `SERVICE=IMAGE`")?;
    let service = service.parse().map_err(|error| format!("{error}"))?;
    let image = image.parse().map_err(|error| format!("{error}"))?;
    Ok((service, image))
}

pub(super) fn release_number(text: &str) -> Result<ReleaseNumber, String> {
    let number = text.parse().map_err(|_| "a release is a number from 1".to_owned())?;
    Ok(ReleaseNumber(number))
}
