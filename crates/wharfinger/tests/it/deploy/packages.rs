//! The Debian package and the bill of materials.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{assert_content, read, root, tool};

/// The package's section of Cargo.toml.
fn metadata() -> toml::Table {
    let manifest: toml::Table = read("crates/wharfinger/Cargo.toml").parse().unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    deb.as_table().expect("the package is described").clone()
}

/// Source, destination and mode of each file of the package.
fn assets() -> Vec<[String; 3]> {
    let metadata = metadata();
    let list = metadata["assets"].as_array().expect("a list of files");
    let texts = list.iter().map(|asset| {
        let asset = asset
            .as_array()
            .expect("a file has source, destination and mode");
        let text = |at: usize| asset[at].as_str().expect("a text").to_owned();
        [text(0), text(1), text(2)]
    });
    texts.collect()
}

#[test]
fn files_of_the_debian_package_exist() {
    let mut built = Vec::new();
    for [source, _, mode] in assets() {
        if source.contains("target/") {
            built.push(source);
            continue;
        }
        let source = source
            .strip_prefix("../../")
            .expect("a path of the project");
        let (folder, name) = source.rsplit_once('/').unwrap_or((".", source));
        if let Some(ending) = name.strip_prefix('*') {
            let entries = std::fs::read_dir(root(folder)).unwrap();
            let mut names = entries.map(|entry| entry.unwrap().file_name());
            assert!(
                names.any(|name| name.to_string_lossy().ends_with(ending)),
                "{source}"
            );
        } else {
            let file = std::fs::metadata(root(source));
            let file = file.unwrap_or_else(|error| panic!("{source}: {error}"));
            let is_run = std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o111 != 0;
            assert_eq!(is_run, mode == "755", "{source}");
        }
    }
    // The script makes what is not in the repository.
    let release = read("deploy/release");
    for source in built {
        let name = source.rsplit('/').next().unwrap_or_default();
        let is_made =
            release.contains(name) || name == "*.1" && release.contains("man \"$parts/man\"");
        assert!(is_made, "{source}");
    }
}

#[test]
fn units_that_the_package_sets_up_are_in_it() {
    let metadata = metadata();
    let units = metadata["systemd-units"].as_array().unwrap();
    let names = BTreeSet::from_iter(units.iter().map(|unit| unit["unit-name"].as_str().unwrap()));
    let files = assets();
    let installed = files
        .iter()
        .filter(|[_, to, _]| to == "usr/lib/systemd/system/")
        .filter_map(|[from, ..]| from.rsplit('/').next()?.rsplit_once('.'))
        .map(|(name, _)| name);
    assert_eq!(names, BTreeSet::from_iter(installed));
    for script in ["postinst", "postrm", "prerm"] {
        let text = read(&format!("deploy/debian/{script}"));
        // There cargo-deb inserts what starts and stops the units.
        assert!(text.contains("\n#DEBHELPER#\n"), "{script}");
    }
}

#[test]
fn the_bill_of_materials_has_what_is_in_the_program_and_no_more() {
    let bill = || tool("python3", &["deploy/sbom"], &root(""));
    let output = bill();
    assert_content(&output);
    assert_eq!(
        output.stdout,
        bill().stdout,
        "the same sources, the same text"
    );
    let bill: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&bill["bomFormat"], &bill["specVersion"]),
        (&"CycloneDX".into(), &"1.5".into())
    );
    let components = bill["components"].as_array().unwrap();
    let name = |component: &Value| component["name"].as_str().unwrap().to_owned();
    let names = BTreeSet::from_iter(components.iter().map(name));
    let manifest: toml::Table = read("crates/wharfinger/Cargo.toml").parse().unwrap();
    let direct = manifest["dependencies"].as_table().unwrap().keys();
    let missing = Vec::from_iter(direct.filter(|name| !names.contains(*name)));
    assert!(missing.is_empty(), "{missing:?}");
    for bundled in ["sqlite", "zstd", "mimalloc"] {
        let purl = format!("pkg:generic/{bundled}@");
        let is_it = |of: &Value| of["purl"].as_str().unwrap().starts_with(&purl);
        assert!(components.iter().any(is_it), "{bundled}");
    }
    for of_tests in ["boon", "proptest"] {
        assert!(!names.contains(of_tests), "{of_tests}");
    }
    let references = BTreeSet::from_iter(components.iter().map(|of| of["bom-ref"].as_str()));
    assert_eq!(
        references.len(),
        components.len(),
        "each has a reference of its own"
    );
    for component in components {
        let purl = component["purl"].as_str().unwrap();
        let is_ours = name(component).starts_with("wharfinger") || name(component) == "pg-cluster";
        assert!(component["licenses"][0].is_object(), "{purl}");
        if purl.starts_with("pkg:cargo/") && !is_ours {
            let sum = component["hashes"][0]["content"].as_str().unwrap();
            assert_eq!(sum.len(), 64, "{purl}");
        }
    }
}
