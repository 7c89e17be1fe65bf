// SPDX-License-Identifier: Apache-2.0
//
// Does the backend keep the contract of inferbench/backend.h? `inferbench` is looked for on PATH.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The shared object that cargo has built for this test, beside it.
fn library() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    test.with_file_name(concat!("lib", env!("CARGO_PKG_NAME"), ".so"))
}

#[test]
fn conformance() {
    let status = Command::new("inferbench").arg("conformance").arg(library()).status().expect("inferbench on PATH");
    assert!(status.success(), "inferbench conformance says {status}");
}
