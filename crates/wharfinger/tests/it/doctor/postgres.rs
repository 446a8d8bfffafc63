//! Checks of a PostgreSQL server.

use pg_cluster::Cluster;

use super::{faults, finding, level, told};
use crate::postgres::{own_cluster, until};
use crate::support::fixture::DataDirectory;
use crate::support::server::run;

/// Sets parameters, and waits until new sessions have them.
fn set(cluster: &Cluster, parameters: &[(&str, &str)]) {
    let run = |sql: &str| cluster.with_client("postgres", |client| client.batch_execute(sql));
    for (name, value) in parameters {
        run(&format!("alter system set {name} = {value}")).unwrap();
    }
    run("select pg_reload_conf()").unwrap();
    let is_set = |name: &str, value: &str| {
        let shown = cluster.with_client("postgres", |client| {
            Ok(client
                .query_one(&format!("show {name}"), &[])?
                .get::<_, String>(0))
        });
        shown.unwrap() == value
    };
    until("the parameters are set", || {
        parameters.iter().all(|(name, value)| is_set(name, value))
    });
}

#[test]
fn settings_that_lose_orders_are_faults() {
    let (cluster, data) = own_cluster();
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), [""; 0], "{found}");
    let parameters = [
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("autovacuum", "off"),
        ("synchronous_commit", "off"),
    ];
    set(&cluster, &parameters);
    // Servers refuse such a database. The doctor looks at it all the same.
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), ["postgres_durability"; 3], "{found}");
    let all = found.to_string();
    for (name, _) in parameters {
        assert!(all.contains(&format!("{name} is off")), "{name}: {all}");
    }
}

#[test]
fn a_server_with_few_connections_is_told() {
    let options = crate::support::cluster::options().with("max_connections", "12");
    let cluster = Cluster::start(&options).unwrap();
    cluster.create_database("orders").unwrap();
    let data = DataDirectory::at(&cluster.url("orders"));
    data.fill();
    let found = told(data.path(), &[]);
    assert_eq!(faults(&found), ["postgres_connections"], "{found}");
    assert!(
        finding(&found, "postgres_connections")["remedy"]
            .to_string()
            .contains("max_connections")
    );
}

#[test]
fn a_standby_is_told_with_its_lag_and_its_primary_with_its_standby() {
    let (primary, data) = own_cluster();
    let standby = primary.standby().unwrap();
    until("the standby is connected", || {
        let found = told(data.path(), &[]);
        let message = finding(&found, "postgres_replication")["message"].to_string();
        message.contains("1 standbys")
    });
    let of_standby = DataDirectory::at(&standby.url("orders"));
    assert!(
        run(data.path(), &["org", "create", "LATER"])
            .status
            .success()
    );
    until("the standby has replayed something", || {
        let found = told(of_standby.path(), &[]);
        assert_eq!(faults(&found), [""; 0], "{found}");
        assert_eq!(level(&found, "postgres_replication"), "note");
        let message = finding(&found, "postgres_replication")["message"].to_string();
        message.contains("this is a standby, 0 s behind")
    });
    let found = told(of_standby.path(), &[]);
    assert_eq!(level(&found, "store"), "ok", "the standby can be read");
}

#[test]
fn a_database_without_a_store_or_a_server_is_a_fault_without_the_password() {
    let (cluster, _data) = own_cluster();
    cluster.create_database("empty").unwrap();
    let nobody = cluster
        .url("empty")
        .replace(&cluster.port().to_string(), "1");
    for (url, said) in [
        (cluster.url("empty"), "there is no store"),
        (cluster.url("not_there"), "has no database"),
        (nobody, "cannot reach the database"),
    ] {
        let data = DataDirectory::at(&url);
        let found = told(data.path(), &[]);
        assert_eq!(faults(&found), ["store"], "{found}");
        let all = found.to_string();
        assert!(
            all.contains(said) && !all.contains(cluster.password()),
            "{all}"
        );
    }
}
