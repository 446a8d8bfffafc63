//! Behind real proxies, with the configurations that the manual shows.

use std::io::Write;
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use wharfinger_core::dialect::SampleKey;
use wharfinger_core::dialects;

use crate::doctor;
use crate::support::client::Request;
use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::server::Server;
use crate::support::v1;
use crate::tls::{Pair, Read, curl};

/// The manual's configuration for a proxy, with other addresses and files. Each replacement must be found.
fn configuration(language: &str, replacements: &[(&str, &str)]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manual = std::fs::read_to_string(root.join("docs/deploy.md")).unwrap();
    let begin = format!("```{language}\n");
    let (_, behind) = manual.split_once(&begin).expect("the manual shows it");
    let (shown, _) = behind.split_once("```").unwrap();
    let mut text = shown.to_owned();
    for (old, new) in replacements {
        assert!(text.contains(old), "{language}: {old}");
        text = text.replace(old, new);
    }
    text
}

/// A proxy in front of a server that trusts it.
struct Site {
    proxy: Child,
    host: String,
    pair: Pair,
    server: Server,
    data: DataDirectory,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

/// The port of the proxies. Each has a loopback address of its own.
const PORT: u16 = 8_443;

/// A program of the system, also where only administrators look.
fn program(name: &str) -> Command {
    let for_administrators = Path::new("/usr/sbin").join(name);
    if for_administrators.exists() {
        Command::new(for_administrators)
    } else {
        Command::new(name)
    }
}

impl Site {
    /// Starts both. `number` distinguishes the proxies of a process. `proxy` is given the listening address, the server's, and
    /// the files.
    fn start(number: u8, proxy: impl FnOnce(&str, &str, &Pair) -> Command) -> Self {
        let id = std::process::id();
        let address = format!("127.{}.{}.{}", 64 + number, (id >> 8) & 0xff, 1 + id % 250);
        let pair = Pair::make_for(&address);
        let data = fixture::data_directory();
        let server = Server::start_with(data.path(), &["--behind-proxy", "127.0.0.1"]);
        let mut command = proxy(&address, &server.address.to_string(), &pair);
        command
            .current_dir(pair.file(""))
            .env("HOME", pair.file(""));
        let log = std::fs::File::create(pair.file("log")).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut proxy = command.spawn().expect("the proxy is installed");
        let ip: IpAddr = address.parse().unwrap();
        while TcpStream::connect((ip, PORT)).is_err() {
            let ended = proxy.try_wait().unwrap();
            let log = std::fs::read_to_string(pair.file("log")).unwrap();
            assert!(ended.is_none(), "the proxy ended: {log}");
        }
        Self {
            proxy,
            host: format!("https://{address}:{PORT}"),
            pair,
            server,
            data,
        }
    }

    fn nginx() -> Self {
        Self::nginx_with(0, &[])
    }

    /// With other replacements in its configuration too.
    fn nginx_with(number: u8, replacements: &[(&str, &str)]) -> Self {
        Self::start(number, |address, server, pair| {
            let server_part = configuration(
                "nginx",
                &[
                    replacements,
                    &[
                        ("listen 443", &format!("listen {address}:{PORT}")),
                        ("127.0.0.1:8080", server),
                        ("/etc/ssl/wharfinger/fullchain.pem", &pair.path("cert.pem")),
                        ("/etc/ssl/wharfinger/privkey.pem", &pair.path("key.pem")),
                    ],
                ]
                .concat(),
            );
            let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
            let folders = folders.map(|name| format!("{name}_temp_path {};\n", pair.path(name)));
            let main = format!(
                "daemon off;\nmaster_process off;\npid {};\nevents {{}}\nhttp {{\naccess_log off;\n{}{server_part}}}\n",
                pair.path("pid"),
                folders.concat()
            );
            std::fs::write(pair.file("nginx.conf"), main).unwrap();
            let mut nginx = program("nginx");
            nginx.args(["-e", "stderr", "-c", &pair.path("nginx.conf")]);
            nginx
        })
    }

    fn haproxy() -> Self {
        Self::start(1, |address, server, pair| {
            let main = configuration(
                "haproxy",
                &[
                    ("bind :443", &format!("bind {address}:{PORT}")),
                    ("127.0.0.1:8080", server),
                    ("/etc/haproxy/wharfinger.pem", &pair.path("both.pem")),
                ],
            );
            std::fs::write(pair.file("haproxy.cfg"), main).unwrap();
            let mut haproxy = program("haproxy");
            haproxy.args(["-db", "-f", &pair.path("haproxy.cfg")]);
            haproxy
        })
    }

    fn caddy() -> Self {
        Self::start(2, |address, server, pair| {
            let (certificate, key) = (pair.path("cert.pem"), pair.path("key.pem"));
            let own =
                format!("https://{address}:{PORT} {{\n\tbind {address}\n\ttls {certificate} {key}");
            let main = configuration(
                "caddy",
                &[("orders.example.com {", &own), ("127.0.0.1:8080", server)],
            );
            let main = format!("{{\n\tadmin off\n\tauto_https off\n}}\n{main}");
            std::fs::write(pair.file("Caddyfile"), main).unwrap();
            let mut caddy = program("caddy");
            caddy.args([
                "run",
                "--adapter",
                "caddyfile",
                "--config",
                &pair.path("Caddyfile"),
            ]);
            caddy
        })
    }

    /// A request through the proxy.
    fn ask(&self, target: &str, options: &[&str]) -> Read {
        let url = format!("{}{target}", self.host);
        Read::of(&curl(&self.pair).args(options).arg(url).output().unwrap())
    }

    /// The batch of every dialect, as it is answered without the proxy.
    fn takes_batches_of_every_dialect(&self) {
        let secret = secret_of("full");
        let key = SampleKey {
            organisation: "TRK001",
            id: "full",
            secret: &secret,
        };
        for dialect in dialects::ALL {
            let mut sample = dialect.samples(&key).batch;
            // The organisation of the examples.
            sample.body = sample.body.replace("DEMO", "TRK001");
            let mut direct = Request::new(sample.method, &sample.target).body(sample.body.clone());
            let body = self.pair.file("body.json");
            std::fs::write(&body, &sample.body).unwrap();
            let body = format!("@{}", body.display());
            let dry_run = [("wharfinger-dry-run", "true".to_owned())];
            let fields = sample.headers.iter().chain(&dry_run);
            let mut options = vec!["-X".to_owned(), sample.method.to_owned()];
            for (name, value) in fields {
                direct = direct.header(name, value);
                options.extend(["-H".to_owned(), format!("{name}: {value}")]);
            }
            options.extend(["--data-binary".to_owned(), body]);
            let options = Vec::from_iter(options.iter().map(String::as_str));
            let expected = self.server.send(&direct);
            assert!((200..300).contains(&expected.status), "{}", expected.text());
            let read = self.ask(&sample.target, &options);
            assert_eq!(
                read.status,
                expected.status,
                "{}: {}",
                dialect.id(),
                read.text()
            );
        }
    }

    /// Wrong secrets count for the client that the proxy saw, whatever it says about itself.
    fn tells_who_the_client_is(&self) {
        let guess = |from: &str, number: u8| {
            let lie = format!("X-Forwarded-For: 192.0.2.{number}");
            let options = [
                "--interface",
                from,
                "-H",
                &lie,
                "-H",
                "authorization: Bearer wrong",
            ];
            self.ask("/v1/orders", &options).status
        };
        let statuses = Vec::from_iter((0..21).map(|number| guess("127.0.0.2", number)));
        assert_eq!(statuses[..20], [401; 20]);
        assert_eq!(statuses[20], 429);
        assert_eq!(guess("127.0.0.3", 0), 401);
    }

    /// A body of nearly 64 MiB.
    fn takes_the_largest_body(&self) {
        let filler = "f".repeat(1_000_000);
        let orders = (0..67).map(|number| {
            let mut order = v1::order(&format!("L{number}"));
            order["comment"] = filler.clone().into();
            order.to_string()
        });
        let body = format!("[{}]", Vec::from_iter(orders).join(","));
        assert!(body.len() > 63 << 20 && body.len() < 64 << 20);
        let file = self.pair.file("large.json");
        std::fs::write(&file, body).unwrap();
        let authorization = format!("authorization: Bearer {}", secret_of("full"));
        let body = format!("@{}", file.display());
        let options = [
            "-H",
            &authorization,
            "-H",
            "content-type: application/json",
            "--data-binary",
            &body,
        ];
        let read = self.ask("/v1/batches?organisation=TRK001&dry_run=true", &options);
        assert_eq!(read.status, 200, "{:.300}", read.text());
    }

    /// The server has lines of an import while its body is still being sent.
    fn lets_imports_stream(&self) {
        let import = "/v1/imports/019a0000-0000-4000-8000-00000000000a";
        let lines = |from: u32| {
            let lines = (from..from + 4_000)
                .map(|number| format!("{}\n", v1::order(&format!("I{number}"))));
            lines.collect::<String>()
        };
        let mut command = curl(&self.pair);
        let authorization = format!("authorization: Bearer {}", secret_of("full"));
        command.args([
            "-H",
            &authorization,
            "-H",
            "content-type: application/x-ndjson",
            "-T",
            ".",
        ]);
        command.arg(format!("{}{import}?organisation=TRK001", self.host));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut curl = command.spawn().unwrap();
        let mut stdin = curl.stdin.take().unwrap();
        stdin.write_all(lines(0).as_bytes()).unwrap();
        while self.server.send(&v1::request("GET", import, "full")).status == 404 {
            assert!(curl.try_wait().unwrap().is_none());
        }
        stdin.write_all(lines(4_000).as_bytes()).unwrap();
        drop(stdin);
        let read = Read::of(&curl.wait_with_output().unwrap());
        assert_eq!(read.status, 200, "{}", read.text());
        let told: serde_json::Value = serde_json::from_slice(&read.body).unwrap();
        assert_eq!(told["accepted"], 8_000, "{told}");
    }

    /// What `wharfinger doctor` finds through the proxy.
    fn finding(&self, check: &str) -> serde_json::Value {
        let options = ["--url", &self.host, "--ca", &self.pair.path("ca.pem")];
        let told = doctor::told(self.data.path(), &options);
        doctor::finding(&told, check)
    }

    fn check(&self) {
        for version in ["1.1", "2"] {
            let read = self.ask("/healthz", &[&format!("--http{version}")]);
            assert_eq!((read.status, &*read.version), (200, version));
        }
        for check in [
            "public_url",
            "public_headers",
            "public_client",
            "public_ready",
        ] {
            assert_eq!(self.finding(check)["level"], "ok", "{check}");
        }
        self.takes_batches_of_every_dialect();
        self.tells_who_the_client_is();
        self.takes_the_largest_body();
        self.lets_imports_stream();
    }
}

#[test]
fn nginx_as_the_manual_shows_it() {
    Site::nginx().check();
}

/// The doctor sees what clients of two dialects would suffer from.
#[test]
fn a_proxy_that_drops_header_fields_is_told_by_the_doctor() {
    let site = Site::nginx_with(3, &[("underscores_in_headers on;", "")]);
    let finding = site.finding("public_headers");
    assert_eq!(finding["level"], "fault");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("access_key, site_id:"), "{message}");
    let remedy = finding["remedy"].as_str().unwrap();
    assert!(remedy.contains("underscores_in_headers on;"), "{remedy}");
    // The certificate of this site ends in two days.
    let finding = site.finding("public_certificate");
    assert_eq!(finding["level"], "fault", "{finding}");
}

/// Without X-Forwarded-Proto from a proxy that is named, the server takes everybody for the proxy.
#[test]
fn a_proxy_that_the_server_does_not_know_is_told_by_the_doctor() {
    let scheme = ("proxy_set_header X-Forwarded-Proto $scheme;", "");
    let site = Site::nginx_with(4, &[scheme]);
    let finding = site.finding("public_client");
    assert_eq!(finding["level"], "fault", "{finding}");
    assert!(
        finding["remedy"]
            .as_str()
            .unwrap()
            .contains("--behind-proxy")
    );
}

#[test]
fn haproxy_as_the_manual_shows_it() {
    Site::haproxy().check();
}

#[test]
fn caddy_as_the_manual_shows_it() {
    Site::caddy().check();
}

#[test]
fn what_a_client_says_about_itself_counts_only_behind_a_proxy() {
    let data = fixture::data_directory();
    let guess = |server: &Server, client: &str| {
        let request = Request::new("GET", "/v1/orders").header("authorization", "Bearer wrong");
        server
            .send(&request.header("x-forwarded-for", client))
            .status
    };
    for (options, last) in [
        (&[][..], 429),
        (&["--behind-proxy", "10.0.0.0/8"], 429),
        (&["--behind-proxy", "10.0.0.0/8,127.0.0.1"], 401),
        (
            &[
                "--behind-proxy",
                "10.0.0.0/8",
                "--behind-proxy",
                "127.0.0.0/8",
            ],
            401,
        ),
    ] {
        let server = Server::start_with(data.path(), options);
        for number in 0..20 {
            assert_eq!(guess(&server, &format!("192.0.2.{number}, 10.0.0.1")), 401);
        }
        assert_eq!(
            guess(&server, "192.0.2.20:80, 10.0.0.1"),
            last,
            "{options:?}"
        );
        server.kill();
    }
}
