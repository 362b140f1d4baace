//! What a user may change of a project (reference `http-api.md` §6.7).

use opencode_schema::EventBody;
use opencode_schema::event::Origin;
use opencode_schema::project::{Commands, Icon, Project};
use opencode_schema::time::now;

use crate::{Engine, Error};

/// What a user may change of a project.
#[derive(Debug, Clone, Default)]
pub struct ProjectChange {
    /// Another name.
    pub name: Option<String>,
    /// What of its picture is another.
    pub icon: Option<Icon>,
    /// What of its commands is another.
    pub commands: Option<Commands>,
}

impl Engine {
    /// Changes a project and tells everybody; `None` when there is no such project.
    ///
    /// # Errors
    /// The database failed.
    pub async fn change_project(&self, id: &str, change: ProjectChange) -> Result<Option<Project>, Error> {
        let id = id.to_owned();
        // Parity: http-api.md §5, projects belong to no folder.
        let everywhere = self.store().at(Origin {
            directory: "global".to_owned(),
            project_id: Some(id.clone()),
        });
        let changed = everywhere.write(move |transaction| {
            let Some(mut project) = transaction.project(&id)? else {
                return Ok(None);
            };
            project.name = change.name.or(project.name);
            if let Some(icon) = change.icon {
                let old = project.icon.unwrap_or_default();
                project.icon = Some(Icon {
                    url: icon.url.or(old.url),
                    r#override: icon.r#override.or(old.r#override),
                    color: icon.color.or(old.color),
                });
            }
            project.commands = change.commands.or(project.commands);
            project.time.updated = now();
            transaction.put_project(&project)?;
            let event = Box::new(project.clone());
            transaction.publish(EventBody::ProjectUpdated { project: event })?;
            Ok(Some(project))
        });
        Ok(changed.await?)
    }
}
