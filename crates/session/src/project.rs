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
        self.rewrite_project(id, move |project| {
            project.name = change.name.or(project.name.take());
            if let Some(icon) = change.icon {
                let old = project.icon.take().unwrap_or_default();
                project.icon = Some(Icon {
                    url: icon.url.or(old.url),
                    r#override: icon.r#override.or(old.r#override),
                    color: icon.color.or(old.color),
                });
            }
            project.commands = change.commands.or(project.commands.take());
        })
        .await
    }

    /// Changes a project, if it is known, and tells everybody when that made a difference.
    pub(crate) async fn rewrite_project(
        &self,
        id: &str,
        change: impl FnOnce(&mut Project) + Send + 'static,
    ) -> Result<Option<Project>, Error> {
        let id = id.to_owned();
        // Parity: http-api.md §5, projects belong to no folder.
        let everywhere = self.store().at(Origin::everywhere(Some(id.clone()), None));
        let changed = everywhere.write(move |transaction| {
            let Some(before) = transaction.project(&id)? else {
                return Ok(None);
            };
            let mut project = before.clone();
            change(&mut project);
            if project == before {
                return Ok(Some(project));
            }
            project.time.updated = now();
            transaction.put_project(&project)?;
            transaction.publish(EventBody::ProjectUpdated {
                project: Box::new(project.clone()),
            })?;
            Ok(Some(project))
        });
        Ok(changed.await?)
    }
}
