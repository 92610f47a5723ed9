//! Values that an environment keeps in Secrets Manager and the Parameter Store, on an independent implementation of both.

use serde_json::{Value, json};

use crate::aws::Aws;
use crate::moto::Moto;
use crate::support::{World, name, terraform};

const ROLE: &str = "arn:aws:iam::123456789012:role/slipway-environment-dev";

const BLUEPRINT: &str = r#"
variable "token" { type = string }
variable "port" { type = number }
variable "licence" {
  type      = string
  sensitive = true
}
resource "terraform_data" "note" {
  input = "the token is ${var.token}"
  provisioner "local-exec" {
    command     = "echo token $TOKEN, licence $LICENCE"
    environment = { TOKEN = var.token, LICENCE = nonsensitive(var.licence) }
  }
}
output "slipway" { value = {} }
output "digests" { value = [sha256(var.token), tostring(var.port), sha256(nonsensitive(var.licence))] }
"#;

const TOKEN: &str = "correct-horse-battery";
const LICENCE: &str = "staple-of-the-trade";

struct Kept {
    secret: String,
    parameter: String,
}

fn kept(moto: &Moto) -> Kept {
    let secret = json!({"Name": "dev/shop", "SecretString": json!({"token": TOKEN, "port": 5432}).to_string()});
    let secret = moto.json("secretsmanager", "secretsmanager.CreateSecret", &secret);
    let parameter = json!({"Name": "/dev/licence", "Type": "SecureString", "Value": LICENCE});
    moto.json("ssm", "AmazonSSM.PutParameter", &parameter);
    Kept {
        secret: secret["ARN"].as_str().expect("an ARN").to_owned(),
        parameter: "arn:aws:ssm:us-east-1:123456789012:parameter/dev/licence".to_owned(),
    }
}

fn refer(world: &World, references: &Value) {
    world.put_environment(ROLE, "us-east-1");
    let mut environment = world
        .wait(world.store.environment(&name("dev")))
        .expect("the environment");
    environment.references = serde_json::from_value(references.clone()).expect("references");
    world
        .wait(world.store.put_environment(&environment))
        .expect("an environment");
}

#[test]
fn referenced_values_reach_terraform_and_nothing_that_people_read() {
    let (Some(moto), Some(program)) = (Moto::start(), terraform()) else {
        return;
    };
    let world = World::on(Aws::with_s3_of(moto), &program);
    let Kept { secret, parameter } = kept(world.aws.moto());
    refer(
        &world,
        &json!({
            "token": format!("{secret}#token"), "port": format!("{secret}#port"), "licence": parameter,
            // No blueprint here declares it, so it is not read.
            "elsewhere": format!("{secret}#none"),
        }),
    );
    let configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &json!({}));
    let operation = world.provision("one", configuration);
    let mut printed = world.succeed(&operation, "plan", "plan");
    printed += &world.succeed(&operation, "apply", "apply");
    let outputs = world.outputs(&operation);
    assert_eq!(outputs["digests"][1], "5432", "{outputs}");
    let digest = |text: &str| slipway_model::name::Digest::of(text.as_bytes()).hex().to_owned();
    assert_eq!(
        (&outputs["digests"][0], &outputs["digests"][2]),
        (&json!(digest(TOKEN)), &json!(digest(LICENCE)))
    );
    assert!(printed.contains("token (sensitive), licence (sensitive)"), "{printed}");
    let record = serde_json::to_string(&world.operation(&operation)).expect("JSON");
    for shown in [&printed, &record] {
        assert!(!shown.contains(TOKEN) && !shown.contains(LICENCE), "{shown}");
    }
    // In a session of the environment's role.
    let requests = world.aws.moto().requests();
    let read: Vec<_> = requests
        .iter()
        .filter(|request| request.header("x-amz-target") == "secretsmanager.GetSecretValue")
        .collect();
    assert_eq!(read.len(), 2, "the apply of a plan reads nothing again");
    assert!(read.iter().all(|request| request.key().starts_with("ASIA")), "{read:?}");
}

#[test]
fn a_reference_that_cannot_be_read_fails_the_plan_with_its_variable() {
    let (Some(moto), Some(program)) = (Moto::start(), terraform()) else {
        return;
    };
    let world = World::on(Aws::with_s3_of(moto), &program);
    let Kept { secret, parameter } = kept(world.aws.moto());
    let gone = "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone-a1B2c3";
    let whole = json!({"token": format!("{secret}#token"), "port": format!("{secret}#port"), "licence": parameter});
    for (number, (reference, said)) in [
        (gone.to_owned(), "ResourceNotFoundException"),
        (format!("{secret}#password"), "the secret has no member `password`"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut references = whole.clone();
        references["token"] = reference.into();
        refer(&world, &references);
        let configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &json!({}));
        let operation = world.provision(&format!("stack-{number}"), configuration);
        world.fail(&operation, "plan", &format!("plan-{number}"));
        let failure = world.operation(&operation).failure.expect("a failure");
        assert_eq!(failure.name, "Slipway.PlanFailed");
        let says = failure.message.contains("`token`") && failure.message.contains(said);
        assert!(says && !failure.message.contains(TOKEN), "{}", failure.message);
    }
}
