//! The clusters start, survive a kill, replicate, and end with their owner.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pg_cluster::process::is_alive;
use pg_cluster::{Cluster, ClusterOptions};

/// Set in a run of this test program that starts a cluster and is killed.
const IS_OWNER: &str = "WHARFINGER_TEST_IS_OWNER";

fn execute(cluster: &Cluster, database: &str, sql: &str) {
    let done = cluster.with_client(database, |client| client.batch_execute(sql));
    done.unwrap();
}

fn count(cluster: &Cluster, database: &str) -> i64 {
    let row = cluster.with_client(database, |client| {
        client.query_one("select count(*) from kept", &[])
    });
    row.unwrap().get(0)
}

#[test]
fn what_is_committed_outlives_a_kill() {
    let mut cluster = Cluster::start(&ClusterOptions::default().with("work_mem", "5MB")).unwrap();
    let begin = cluster.cpu_time().unwrap();
    cluster.create_database("first").unwrap();
    execute(
        &cluster,
        "first",
        "create table kept as select generate_series(1, 200000)",
    );
    assert!(cluster.cpu_time().unwrap() > begin, "ended children count");
    assert!(cluster.bytes_on_disk("first").unwrap() > 4_000_000);
    let work_mem = cluster.with_client("first", |client| client.query_one("show work_mem", &[]));
    assert_eq!(work_mem.unwrap().get::<_, String>(0), "5MB");

    let url = cluster.url("first");
    let before = cluster.processes().unwrap();
    assert!(before.len() > 3, "children are found: {before:?}");
    cluster.kill().unwrap();
    assert!(before.iter().all(|process| !is_alive(*process)));
    assert!(cluster.cpu_time().is_err(), "it is stopped");
    assert!(cluster.with_client("first", |_| Ok(())).is_err());
    cluster.restart().unwrap();
    assert_eq!(cluster.url("first"), url, "on the same port");
    assert_eq!(count(&cluster, "first"), 200_000);

    cluster.create_database_from("second", "first").unwrap();
    cluster.stop().unwrap();
    cluster.restart().unwrap();
    assert_eq!(count(&cluster, "second"), 200_000);
    cluster.drop_database("second").unwrap();
    assert!(cluster.with_client("second", |_| Ok(())).is_err());
}

#[test]
fn a_standby_has_what_its_primary_acknowledged() {
    let mut primary = Cluster::start(&ClusterOptions::default()).unwrap();
    primary.create_database("first").unwrap();
    let standby = primary.standby().unwrap();
    execute(&primary, "first", "create table kept as select 1");
    primary.kill().unwrap();
    assert_eq!(count(&standby, "first"), 1);
    standby.promote().unwrap();
    execute(&standby, "first", "insert into kept values (2)");
    assert_eq!(count(&standby, "first"), 2);
}

/// The owner is this same test, run as a separate program.
#[test]
fn a_cluster_does_not_outlive_its_owner() {
    if std::env::var_os(IS_OWNER).is_some() {
        be_killed_as_owner();
    }
    let name = "a_cluster_does_not_outlive_its_owner";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(IS_OWNER, "1")
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let told = said.lines().find_map(|line| line.split_once("owned: "));
    let (_, told) = told.unwrap_or_else(|| panic!("the owner said {said:?}"));
    let (processes, directory) = told.split_once(' ').unwrap();
    let processes: Vec<u32> = processes.split(',').map(|id| id.parse().unwrap()).collect();
    assert!(processes.len() > 3, "{told}");

    let begin = Instant::now();
    while processes.iter().any(|process| is_alive(*process)) || Path::new(directory).exists() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{told}");
        std::thread::yield_now();
    }
}

fn be_killed_as_owner() -> ! {
    use std::io::Write;

    let cluster = Cluster::start(&ClusterOptions::default()).unwrap();
    let sockets = cluster.with_client("postgres", |client| {
        client.query_one("show unix_socket_directories", &[])
    });
    let directory: String = sockets.unwrap().get(0);
    let processes: Vec<String> = cluster
        .processes()
        .unwrap()
        .iter()
        .map(u32::to_string)
        .collect();
    let told = format!("owned: {} {directory}\n", processes.join(","));
    std::io::stdout().write_all(told.as_bytes()).unwrap();
    let own = std::process::id().to_string();
    Command::new("kill").args(["-KILL", &own]).status().unwrap();
    unreachable!("killed")
}
