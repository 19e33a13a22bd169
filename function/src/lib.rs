//! A composition function: one claim in, managed resources out.
//!
//! A `PostgreSQLInstance` becomes, in the namespace of the claim:
//!
//! | resource | key | what for |
//! |---|---|---|
//! | Role | `role-owners` | owns the database and everything in it; nobody logs in as this role |
//! | Role | `role-writers`, `role-readers` | groups of the profiles `readwrite` and `readonly`, when a login has them |
//! | Database | `database` | closed to everyone who is not let in |
//! | Role and Secret | `login-<name>` | one per access entry, member of the group of its profile |
//! | Grant | `grant-<group>-<what>` | what the group may do with what is there |
//! | `DefaultPrivileges` | `default-<group>-<what>` | what the group may do with what the owner makes later |
//! | `KVSecret` | `vault`, `vault-<name>` | the credentials of the first and of every further login |
//!
//! Keys and names are a contract with what exists: a key that changes deletes the old resource.
//!
//! A call goes [`observed`] → [`compose`] → [`respond`]: only the outer two know protobuf, and the one
//! in the middle is a function of values. There is no clock, no random number, no network.

pub mod args;
pub mod claim;
pub mod compose;
pub mod observed;
pub mod respond;
pub mod xrd;

use function_sdk_rust::proto::v1::{
    RunFunctionRequest, RunFunctionResponse, function_runner_service_server::FunctionRunnerService,
};
use tonic::{Request, Response, Status};

use observed::Observed;

/// Answers a request: what is composed, or why nothing is.
pub fn run(request: &RunFunctionRequest) -> RunFunctionResponse {
    let Some(observed) = Observed::read(request) else {
        return respond::fatal(
            request,
            "the request has no composite resource; report this as a defect",
        );
    };
    match compose::compose(&observed) {
        Ok(composition) => {
            let ttl = composition.ttl(&observed.composite);
            respond::composed(request, &composition, ttl)
        }
        Err(refusal) => respond::fatal(request, &refusal.to_string()),
    }
}

/// The function as the gRPC server calls it. It has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Function;

impl Function {
    /// Serves until SIGTERM or SIGINT. The process needs a default crypto provider unless TLS is off.
    pub async fn serve(args: args::Args) -> Result<(), function_sdk_rust::Error> {
        function_sdk_rust::serve(Self, &args.into()).await
    }
}

#[tonic::async_trait]
impl FunctionRunnerService for Function {
    async fn run_function(
        &self,
        request: Request<RunFunctionRequest>,
    ) -> Result<Response<RunFunctionResponse>, Status> {
        Ok(Response::new(run(request.get_ref())))
    }
}
