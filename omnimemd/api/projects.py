"""Projects and workspaces over HTTP."""

from omnimem.calls import Operations
from omnimem.model import ProjectList, WorkspaceList
from omnimemd.api import views
from omnimemd.api.codec import NO_CONTENT, Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.services.explaining import Explaining
from omnimemd.services.projects import Projects
from omnimemd.services.sessions import Sessions
from omnimemd.services.workspaces import Workspaces


def endpoints(projects: Projects, workspaces: Workspaces, sessions: Sessions, explaining: Explaining) -> list[Endpoint]:
    """Return the operations on projects and workspaces."""

    async def resolve(received: Received) -> Answer:
        found = await projects.resolve(received.body.path)
        return answer(views.resolved(found.project, found.place))

    async def every_project(_: Received) -> Answer:
        shown = [views.project(one) for one in await projects.every()]
        return answer(ProjectList(projects=shown, count=len(shown)))

    async def get_project(received: Received) -> Answer:
        return answer(views.project(await projects.get(received.ids["project_id"])))

    async def update_project(received: Received) -> Answer:
        return answer(views.project(await projects.update(received.ids["project_id"], received.body)))

    async def every_workspace(_: Received) -> Answer:
        shown = [views.workspace(one) for one in workspaces.every()]
        return answer(WorkspaceList(workspaces=shown, count=len(shown)))

    async def explain_workspace(received: Received) -> Answer:
        return answer(await explaining.explain(received.query.path))

    async def add_workspace(received: Received) -> Answer:
        workspace, new = await workspaces.add(received.body.path)
        status = 201 if new else 200

        async def watched() -> Answer:
            # What happens behind the answer is to be seen; the wait must not hold up other writers.
            await workspaces.ready(workspace.path)
            return answer(views.workspace(workspaces.find(workspace.path) or workspace), status=status)

        received.afterwards = watched
        return answer(views.workspace(workspace), status=status)

    async def remove_workspace(received: Received) -> Answer:
        await sessions.end_ambient(await workspaces.remove(received.query.path))
        return NO_CONTENT

    return [
        Endpoint(Operations.resolve_project, resolve),
        Endpoint(Operations.list_projects, every_project),
        Endpoint(Operations.get_project, get_project),
        Endpoint(Operations.update_project, update_project),
        Endpoint(Operations.list_workspaces, every_workspace),
        Endpoint(Operations.explain_workspace, explain_workspace),
        Endpoint(Operations.add_workspace, add_workspace),
        Endpoint(Operations.remove_workspace, remove_workspace),
    ]
