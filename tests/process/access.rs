//! Who may call what, call by call on the real programs: every method × every role × a site's certificate × none.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::FileDescriptorSet;
use supplysync_api::FILE_DESCRIPTOR_SET;
use supplysync_tests::{Called, Certificate, Client, Network, Site, knock_without_certificate, run};
use tokio::time::{Duration, timeout};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::world::{COMMAND_LIMIT, World};

/// A call that streams says nothing for a while: then it was let in.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every method of our services, as `/service/Method`.
fn described() -> Vec<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut paths = Vec::new();
    for file in &set.file {
        for service in &file.service {
            let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
            paths.extend(service.method.iter().map(|method| path(method.name())));
        }
    }
    paths
}

/// The table as a program prints it: method to the callers that it accepts.
async fn printed(site: &Site) -> BTreeMap<String, Vec<String>> {
    let mut show = site.command();
    show.args(["access", "show", "--output", "json"]);
    let shown = run(show, COMMAND_LIMIT).await.unwrap().success().unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let rows = shown["calls"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    rows.map(|row| {
        let path = format!("/{}/{}", text(&row["service"]), text(&row["method"]));
        (
            path,
            row["callers"].as_array().unwrap().iter().map(text).collect(),
        )
    })
    .collect()
}

/// Calls a method with an empty message; the reason why the door was not opened, or nothing if it was. What happens
/// behind the door is of no interest here.
async fn knock(client: &Client, path: &str) -> Option<String> {
    let mut grpc = tonic::client::Grpc::new(client.channel());
    grpc.ready().await.unwrap();
    let path: PathAndQuery = path.parse().unwrap();
    let codec = ProstCodec::<(), ()>::default();
    let call = async {
        let mut answers = grpc
            .server_streaming(Request::new(()), path, codec)
            .await?
            .into_inner();
        answers.message().await.map(|_| Response::new(()))
    };
    let answer: Result<Response<()>, Status> = match timeout(PATIENCE, call).await {
        Ok(answer) => answer,
        Err(_) => return None,
    };
    let reason = answer.refusal().ok()?.reason;
    ["ROLE_NOT_ALLOWED", "CERTIFICATE_REQUIRED"]
        .contains(&reason.as_str())
        .then_some(reason)
}

async fn operator(network: &Network, url: &str, role: &str) -> Client {
    let folder = network
        .folder()
        .join(format!("{role}-{}", url.rsplit(':').next().unwrap()));
    network
        .issue("operator", role, &["--role", role], &folder)
        .await
        .unwrap();
    let certificate = Certificate::in_folder(&folder, "operator");
    Client::connect(url, &certificate).await.unwrap()
}

#[tokio::test]
async fn every_call_is_open_to_those_whom_the_table_names_and_to_nobody_else() {
    let mut world = World::with_satellite().await;
    let primary_certificate = world.network.primary().certificate();
    let north = world.network.satellite(2).unwrap();
    let site_certificate = north.certificate();
    let ends = [
        (
            north.url(),
            printed(north).await,
            north.grpc(),
            north.folder().to_owned(),
        ),
        {
            let primary = world.network.primary();
            let table = printed(primary).await;
            (primary.url(), table, primary.grpc(), primary.folder().to_owned())
        },
    ];
    let described = described();
    assert!(described.len() > 50, "{described:?}");
    for (url, table, address, folder) in ends {
        let mut callers = BTreeMap::new();
        for role in ["viewer", "editor", "admin"] {
            callers.insert(role, operator(&world.network, &url, role).await);
        }
        callers.insert("site", Client::connect(&url, &site_certificate).await.unwrap());
        callers.insert(
            "primary",
            Client::connect(&url, &primary_certificate).await.unwrap(),
        );
        for path in &described {
            let accepted = table
                .get(path)
                .unwrap_or_else(|| panic!("{path} is not in the table"));
            for (who, client) in &callers {
                let refused = knock(client, path).await;
                // The primary is a site, too.
                let who = match *who {
                    "primary" => &["primary", "site"][..],
                    who => &[who],
                };
                let named = accepted.iter().any(|caller| who.contains(&caller.as_str()));
                assert_eq!(
                    refused.is_none(),
                    named,
                    "{who:?} calls {path} at {url}: {refused:?}"
                );
            }
        }
        let authority = folder.join("tls/authority.crt");
        let refused = knock_without_certificate(address, &authority).await.unwrap();
        assert!(refused.contains("ertificate"), "{refused}");
    }
    world.network.stop().await.unwrap();
}
