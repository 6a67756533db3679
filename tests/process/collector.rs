//! A small collector of traces: takes OTLP over gRPC, and keeps what came.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A collector that is gone when this is.
pub struct Collector {
    received: Received,
    _serving: JoinSet<()>,
}

#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

/// A span, and who told it.
#[derive(Debug, Clone)]
pub struct Told {
    /// `service.name`.
    pub program: String,
    /// `service.instance.id`.
    pub instance: String,
    /// What was told.
    pub span: Span,
}

impl Told {
    /// An attribute as text, if it has that.
    pub fn attribute(&self, name: &str) -> Option<String> {
        value_of(&self.span.attributes, name)
    }
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// One that listens there.
    pub async fn start(address: SocketAddr) -> Collector {
        let listener = TcpListener::bind(address).await.unwrap();
        let received = Received::default();
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(received.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let mut serving = JoinSet::new();
        serving.spawn(async move { server.await.unwrap() });
        Collector {
            received,
            _serving: serving,
        }
    }

    /// All spans so far.
    pub fn told(&self) -> Vec<Told> {
        let mut told = Vec::new();
        for request in self.received.0.lock().unwrap().iter() {
            for of_site in &request.resource_spans {
                let site = of_site.resource.as_ref().expect("no resource");
                let who = |name| value_of(&site.attributes, name).unwrap_or_default();
                let spans = of_site.scope_spans.iter().flat_map(|scope| &scope.spans);
                told.extend(spans.map(|span| Told {
                    program: who("service.name"),
                    instance: who("service.instance.id"),
                    span: span.clone(),
                }));
            }
        }
        told
    }

    /// The steps of one record, in the order in which they began.
    pub fn of_record(&self, id: &str) -> Vec<Told> {
        let mut told = self.told();
        told.retain(|told| told.attribute("supplysync.record").as_deref() == Some(id));
        told.sort_by_key(|told| told.span.start_time_unix_nano);
        told
    }

    /// Everything that came, in a form in which it can be searched.
    pub fn text(&self) -> String {
        format!("{:?}", self.received.0.lock().unwrap())
    }
}

fn value_of(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.clone()? {
        AnyValue {
            value: Some(Value::StringValue(text)),
        } => Some(text),
        AnyValue {
            value: Some(Value::IntValue(number)),
        } => Some(number.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}
