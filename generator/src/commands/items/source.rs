//! The source whose items a command is about, and where they are kept.

use fanggen_runtime::component::Store;
use fanggen_runtime::model::file_format::ItemFileFormat;
use fanggen_runtime::model::items::Columns;
use fanggen_runtime::model::tree::quoted_list;

use super::super::args::GlobalArgs;
use super::super::error::CommandError;
use super::super::pipeline_file::LoadedPipeline;
use super::SourceArgs;
use crate::config::mistake::Severity;
use crate::config::pipeline::ComponentConfig;
use crate::config::suggestion::did_you_mean;
use crate::operate::items::ItemsEditError;

/// Where the items of a source are kept.
#[derive(Clone, Debug)]
pub enum ItemStore {
    /// In the pipeline's file.
    Inline,
    /// In a file, of which the account has a copy.
    File(ItemFileFormat),
    /// In a table of the pipeline.
    Table,
    /// In somebody else's table.
    Existing(String),
}

/// The source of a command.
pub struct ItemSource {
    /// The pipeline's file.
    pub file: LoadedPipeline,
    /// The environment.
    pub environment: String,
    /// The source.
    pub config: ComponentConfig,
    /// Where its items are.
    pub store: ItemStore,
    /// The attribute of the key.
    pub key: String,
    /// The columns of the other attributes.
    pub columns: Columns,
}

impl ItemSource {
    /// Reads the pipeline's file, and finds the source in it.
    pub fn find(args: &SourceArgs, global: &GlobalArgs) -> Result<Self, CommandError> {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(args.env.as_deref())?.to_owned();
        let config = chosen(&file.pipeline(&environment)?.sources, args.source.as_deref())?.clone();
        let store = match (config.settings.item_file(), config.settings.store(&config.name)) {
            (Some(format), _) => ItemStore::File(format),
            (None, Some(Store::Existing(table))) => ItemStore::Existing(table),
            (None, Some(Store::Table { .. })) => ItemStore::Table,
            _ => ItemStore::Inline,
        };
        let (key, columns) = match &store {
            ItemStore::File(format) => (format.key.clone(), format.columns.clone()),
            _ => {
                let key = config.settings.seed().map(|seed| seed.key.to_owned());
                (key.unwrap_or_else(|| "name".to_owned()), Columns::default())
            }
        };
        Ok(Self { file, environment, config, store, key, columns })
    }

    /// Refuses a source whose items cannot be edited here.
    pub fn must_be_editable(&self, local: bool) -> Result<(), ItemsEditError> {
        let at = |path: &str| self.file.config.source.place(self.file.config.span(&self.environment, path).start).line;
        match &self.store {
            ItemStore::Inline => Err(ItemsEditError::Inline {
                source_name: self.config.name.clone(),
                place: format!("{}:{}", self.file.config.source.path, at(&format!("{}.items", self.config.path))),
            }),
            ItemStore::Existing(table) => Err(ItemsEditError::ExistingTable(table.clone())),
            ItemStore::Table if local => Err(ItemsEditError::NotLocal(self.config.name.clone())),
            ItemStore::Table | ItemStore::File(_) => Ok(()),
        }
    }
}

fn chosen<'a>(sources: &'a [ComponentConfig], asked: Option<&str>) -> Result<&'a ComponentConfig, ItemsEditError> {
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    match (asked, sources) {
        (None, [only]) => Ok(only),
        (None, _) => Err(ItemsEditError::SeveralSources(quoted_list(&names))),
        (Some(asked), _) => {
            sources.iter().find(|source| source.name == asked).ok_or_else(|| ItemsEditError::NoSource {
                found: asked.to_owned(),
                known: quoted_list(&names),
                help: did_you_mean(asked, &names).map(|help| format!("; {help}")).unwrap_or_default(),
            })
        }
    }
}
