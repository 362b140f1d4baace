//! Folders and repositories that models of a place are told of.

use axum::Json;
use opencode_config::reference::Reference;
use opencode_schema::listing::{ReferenceInfo, ReferenceRemark, ReferenceSource};

use super::Located;
use crate::extract::LocationAt;

pub(crate) async fn list(LocationAt(location): LocationAt) -> Json<Located<Vec<ReferenceInfo>>> {
    let references = location.references.iter().map(row).collect();
    Located::new(&location, references)
}

fn row(reference: &Reference) -> ReferenceInfo {
    let path = reference.path.to_string_lossy().into_owned();
    let remark = ReferenceRemark {
        description: reference.description.clone(),
        hidden: reference.hidden,
    };
    let source = match &reference.repository {
        None => ReferenceSource::Local {
            path: path.clone(),
            remark: remark.clone(),
        },
        Some(repository) => ReferenceSource::Git {
            repository: repository.named.clone(),
            branch: repository.branch.clone(),
            remark: remark.clone(),
        },
    };
    ReferenceInfo {
        name: reference.name.clone(),
        path,
        remark,
        source,
    }
}
