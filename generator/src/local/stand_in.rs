//! What takes the place of paid services and of the network on this machine, and the notices that say so.

use async_trait::async_trait;
use fanggen_runtime::component::{Binding, Opened, Role, Stage};
use fanggen_runtime::doors::Doors;
use fanggen_runtime::error::Error;
use fanggen_runtime::kinds;
use fanggen_runtime::record::Record;
use fanggen_runtime::tree::Tree;

use super::summary::Notice;
use crate::config::pipeline::Pipeline;

/// Whether local texts are taken instead of fetching.
pub fn offline(pipeline: &Pipeline, live: bool) -> bool {
    !live && pipeline.local.texts.is_some() && pipeline.stages.iter().any(|stage| stage.kind.card.fetches)
}

/// Everything that is not what it would be in AWS.
pub fn notices(pipeline: &Pipeline, offline: bool) -> Vec<Notice> {
    let mut notices = Vec::new();
    for stage in &pipeline.stages {
        let card = stage.kind.card;
        if let Some(texts) = pipeline.local.texts.as_ref().filter(|_| offline && card.fetches) {
            notices.push(Notice {
                stage: stage.name.clone(),
                instead_of: card.name.into(),
                is: format!("texts of {texts}"),
                hint: Some("--live fetches".into()),
            });
        }
        if let Some(kind) = card.stand_in {
            notices.push(Notice {
                stage: stage.name.clone(),
                instead_of: card.name.into(),
                is: kind.into(),
                hint: Some("every record says so".into()),
            });
        }
    }
    notices
}

/// Opens the embedded kind that stands in for a paid one; its findings say what it stands in for.
pub fn open(service: &'static str, kind: &str, binding: Binding, doors: &dyn Doors) -> Result<Box<dyn Stage>, Error> {
    let unfit = || Error::permanent("card_wrong", format!("`{kind}` cannot stand in for `{service}`"));
    let kind = kinds::find(Role::Stage, kind).ok_or_else(unfit)?;
    let settings = (kind.read)(&Tree::table_at(0..0)).map_err(|_| unfit())?;
    let stage = binding.name.clone();
    match settings.open(binding, doors)? {
        Opened::Stage(inner) => Ok(Box::new(StandIn { stage, service, inner })),
        _ => Err(unfit()),
    }
}

struct StandIn {
    stage: String,
    service: &'static str,
    inner: Box<dyn Stage>,
}

#[async_trait]
impl Stage for StandIn {
    async fn apply(&self, records: Vec<Record>) -> Vec<Record> {
        let mut records = self.inner.apply(records).await;
        for finding in records.iter_mut().flat_map(|record| &mut record.findings) {
            if finding.stage == self.stage {
                finding.stands_in_for = Some(self.service.to_owned());
            }
        }
        records
    }
}
