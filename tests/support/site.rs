//! A static site as a client of the control API publishes it: the files that the server lacks, then the version.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::control::Control;
use super::http::Answer;

/// The files of a folder by name.
pub type Files<'a> = [(&'a str, &'a [u8])];

impl Control {
    /// Publishes a site of these files; `settings` stands in `[site]` below `folder`. Panics unless it works.
    pub fn publish(&self, settings: &str, files: &Files<'_>) -> Value {
        let asked = self.try_publish(settings, files);
        if asked.code() != "missing_files" {
            return asked.expect_status(200).json();
        }
        let detail = asked.json()["error"]["detail"].clone();
        let missing: Vec<&str> =
            detail["digests"].as_array().unwrap().iter().map(|digest| digest.as_str().unwrap()).collect();
        let contents: BTreeMap<String, &[u8]> =
            files.iter().map(|(_, content)| (digest(content), *content)).collect();
        let wanted: Vec<&[u8]> = missing.iter().map(|digest| contents[*digest]).collect();
        self.send_files(&wanted).expect_status(200);
        self.try_publish(settings, files).expect_status(200).json()
    }

    /// Asks for a version, without sending files.
    pub fn try_publish(&self, settings: &str, files: &Files<'_>) -> Answer {
        let files: BTreeMap<&str, String> =
            files.iter().map(|(name, content)| (*name, digest(content))).collect();
        let manifest = format!("[site]\nfolder = 'public'\n{settings}");
        self.post("site", &json!({ "manifest": manifest, "files": files }))
    }

    /// Sends files.
    pub fn send_files(&self, contents: &[&[u8]]) -> Answer {
        let names: Vec<String> = contents.iter().map(|content| digest(content)).collect();
        let files: Vec<_> = names.iter().map(String::as_str).zip(contents.iter().copied()).collect();
        self.request("PUT", "site/files").body(tar_of(&files)).send(self.at)
    }
}

/// The digest by which the server knows a content.
pub fn digest(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}

/// A tar of files.
pub fn tar_of(files: &Files<'_>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    tar.into_inner().unwrap()
}
