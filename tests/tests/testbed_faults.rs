//! Servers can be stopped, crashed, sealed and brought back with what they held. Apart from the other promises because
//! everything else would fail meanwhile.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::Testbed;
use testbed::openbao::client::Method;

#[tokio::test]
async fn postgres_comes_back_with_its_data_after_a_stop_and_after_a_crash() {
    let testbed = Testbed::shared().await.unwrap();
    let postgres = testbed.postgres(14).await.unwrap();
    let statement = "create table if not exists kept (id int); insert into kept values (1)";
    postgres
        .superuser("postgres")
        .await
        .unwrap()
        .batch_execute(statement)
        .await
        .unwrap();
    postgres.stop().await.unwrap();
    assert!(!postgres.is_running());
    assert!(postgres.superuser("postgres").await.is_err());
    postgres.start().await.unwrap();
    postgres.crash().await.unwrap();
    postgres.start().await.unwrap();
    let session = postgres.superuser("postgres").await.unwrap();
    assert_eq!(
        session
            .query_one("select min(id) from kept", &[])
            .await
            .unwrap()
            .get::<_, i32>(0),
        1
    );
    session.batch_execute("drop table kept").await.unwrap();
}

#[tokio::test]
async fn openbao_comes_back_with_its_data_after_a_seal_and_after_a_restart() {
    let testbed = Testbed::shared().await.unwrap();
    let openbao = testbed.openbao();
    let client = openbao.client().unwrap();
    client
        .write("secret/data/kept", &json!({"data": {"a": "b"}}))
        .await
        .unwrap();
    openbao.seal().await.unwrap();
    assert_eq!(
        client
            .request(Method::GET, "secret/data/kept", None)
            .await
            .unwrap()
            .status,
        503
    );
    openbao.unseal().await.unwrap();
    openbao.stop().await.unwrap();
    assert!(
        client
            .request(Method::GET, "secret/data/kept", None)
            .await
            .is_err()
    );
    openbao.start().await.unwrap();
    assert_eq!(
        client.read("secret/data/kept").await.unwrap().unwrap()["data"],
        json!({"a": "b"})
    );
    client.delete("secret/metadata/kept").await.unwrap();
    assert_eq!(
        client.read("secret/data/kept").await.unwrap(),
        None::<Value>
    );
    assert_eq!(
        client.list("secret/metadata/nothing-here").await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_host_process_ends_with_its_handle() {
    let testbed = Testbed::shared().await.unwrap();
    let argv = ["/bin/sleep".to_owned(), "600".to_owned()];
    let mut process = testbed.run_host_process("sleep", &argv, [].into()).unwrap();
    assert!(process.is_running());
    let pid = process.pid();
    process.terminate(Duration::from_secs(5)).await.unwrap();
    assert!(!process.is_running());
    drop(process);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}
