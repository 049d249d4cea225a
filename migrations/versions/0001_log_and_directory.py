"""The log, its heads, the directory and the credentials.

Everything that keeps the log append-only is here too: the trigger that refuses to change or remove an event, the trigger that
refuses to remove a row that events may name, and the grants of the role that the server works under (`trailcast_app`), which
may insert and read events and nothing more. A third trigger marks every change of access in the workspace's head and rings
the doorbell, so that rights taken away with plain SQL end as promptly as those taken away through the API.

Needs the right to create a role (or the role, granted to whoever migrates) and the extensions pg_trgm and btree_gin (both
trusted since PostgreSQL 13).
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE workspaces (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT workspaces_pkey PRIMARY KEY (id)
    );
    """,
    """
    CREATE TABLE projects (
        name TEXT NOT NULL,
        workspace_id UUID NOT NULL,
        id UUID NOT NULL,
        is_deleted BOOLEAN DEFAULT false NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT projects_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT projects_workspace_id_fkey FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
    );
    """,
    """
    CREATE TABLE boards (
        name TEXT NOT NULL,
        project_id UUID,
        workspace_id UUID NOT NULL,
        id UUID NOT NULL,
        is_deleted BOOLEAN DEFAULT false NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT boards_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT boards_workspace_id_project_id_fkey FOREIGN KEY(workspace_id, project_id) REFERENCES projects (workspace_id, id),
        CONSTRAINT boards_workspace_id_fkey FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
    );
    CREATE INDEX boards_workspace_id_name_id_idx ON boards (workspace_id, name, id);
    """,
    """
    CREATE TABLE users (
        external_id TEXT,
        name TEXT DEFAULT '' NOT NULL,
        role TEXT,
        workspace_id UUID NOT NULL,
        id UUID NOT NULL,
        is_deleted BOOLEAN DEFAULT false NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT users_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT users_workspace_id_fkey FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
    );
    CREATE INDEX users_external_id_idx ON users (external_id) WHERE external_id IS NOT NULL;
    CREATE UNIQUE INDEX users_workspace_id_external_id_idx ON users (workspace_id, external_id) WHERE external_id IS NOT NULL;
    CREATE INDEX users_workspace_id_name_id_idx ON users (workspace_id, name, id);
    """,
    """
    CREATE TABLE memberships (
        workspace_id UUID NOT NULL,
        user_id UUID NOT NULL,
        role TEXT NOT NULL,
        all_boards_read BOOLEAN DEFAULT false NOT NULL,
        all_boards_write BOOLEAN DEFAULT false NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT memberships_pkey PRIMARY KEY (workspace_id, user_id),
        CONSTRAINT memberships_workspace_id_user_id_fkey FOREIGN KEY(workspace_id, user_id) REFERENCES users (workspace_id, id),
        CONSTRAINT memberships_role_check CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER'))
    );
    CREATE INDEX memberships_user_id_created_at_idx ON memberships (user_id, created_at);
    """,
    """
    CREATE TABLE board_grants (
        workspace_id UUID NOT NULL,
        user_id UUID NOT NULL,
        board_id UUID NOT NULL,
        can_read BOOLEAN DEFAULT false NOT NULL,
        can_write BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT board_grants_pkey PRIMARY KEY (workspace_id, user_id, board_id),
        CONSTRAINT board_grants_workspace_id_user_id_fkey FOREIGN KEY(workspace_id, user_id) REFERENCES memberships (workspace_id, user_id) ON DELETE CASCADE,
        CONSTRAINT board_grants_workspace_id_board_id_fkey FOREIGN KEY(workspace_id, board_id) REFERENCES boards (workspace_id, id)
    );
    """,
    """
    CREATE TABLE agents (
        name TEXT NOT NULL,
        role TEXT,
        board_id UUID,
        workspace_id UUID NOT NULL,
        id UUID NOT NULL,
        is_deleted BOOLEAN DEFAULT false NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT agents_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT agents_workspace_id_board_id_fkey FOREIGN KEY(workspace_id, board_id) REFERENCES boards (workspace_id, id),
        CONSTRAINT agents_workspace_id_fkey FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
    );
    CREATE INDEX agents_workspace_id_name_id_idx ON agents (workspace_id, name, id);
    """,
    """
    CREATE TABLE services (
        name TEXT NOT NULL,
        workspace_id UUID NOT NULL,
        id UUID NOT NULL,
        is_deleted BOOLEAN DEFAULT false NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT services_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT services_workspace_id_fkey FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
    );
    CREATE UNIQUE INDEX services_workspace_id_name_idx ON services (workspace_id, name);
    """,
    """
    CREATE TABLE tasks (
        board_id UUID,
        title TEXT NOT NULL,
        status TEXT,
        workspace_id UUID NOT NULL,
        id UUID NOT NULL,
        is_deleted BOOLEAN DEFAULT false NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT tasks_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT tasks_workspace_id_board_id_fkey FOREIGN KEY(workspace_id, board_id) REFERENCES boards (workspace_id, id),
        CONSTRAINT tasks_workspace_id_fkey FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
    );
    CREATE INDEX tasks_workspace_id_board_id_title_id_idx ON tasks (workspace_id, board_id, title, id);
    CREATE INDEX tasks_workspace_id_title_id_idx ON tasks (workspace_id, title, id);
    """,
    """
    CREATE TABLE credentials (
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        workspace_id UUID,
        subject_id UUID NOT NULL,
        name TEXT NOT NULL,
        secret_sha256 BYTEA NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        last_used_at TIMESTAMP WITH TIME ZONE,
        revoked_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT credentials_pkey PRIMARY KEY (id),
        CONSTRAINT credentials_kind_check CHECK (kind IN ('AGENT', 'USER', 'SERVICE')),
        CONSTRAINT credentials_workspace_check CHECK ((kind = 'USER') = (workspace_id IS NULL)),
        CONSTRAINT credentials_secret_check CHECK (octet_length(secret_sha256) = 32),
        CONSTRAINT credentials_workspace_id_fkey FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
    );
    CREATE INDEX credentials_subject_id_idx ON credentials (subject_id);
    """,
    """
    CREATE TABLE heads (
        workspace_id UUID NOT NULL,
        last_sequence BIGINT DEFAULT 0 NOT NULL,
        first_sequence BIGINT DEFAULT 1 NOT NULL,
        last_created_at TIMESTAMP WITH TIME ZONE DEFAULT '1970-01-01 00:00:00+00' NOT NULL,
        access_version BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT heads_pkey PRIMARY KEY (workspace_id),
        CONSTRAINT heads_workspace_id_fkey FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
    );
    """,
    """
    CREATE TABLE events (
        workspace_id UUID NOT NULL,
        sequence BIGINT NOT NULL,
        id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        event_type TEXT COLLATE "C" NOT NULL,
        category TEXT NOT NULL,
        action TEXT NOT NULL,
        outcome TEXT NOT NULL,
        message TEXT,
        actor_kind TEXT NOT NULL,
        actor_id UUID NOT NULL,
        actor_name TEXT,
        actor_role TEXT,
        agent_id UUID,
        user_id UUID,
        on_behalf_of_kind TEXT,
        on_behalf_of_id UUID,
        on_behalf_of_name TEXT,
        on_behalf_of_role TEXT,
        board_id UUID,
        task_id UUID,
        entity_type TEXT NOT NULL,
        entity_id TEXT NOT NULL,
        entity_name TEXT,
        changes JSONB NOT NULL,
        metadata JSONB NOT NULL,
        ip_address TEXT,
        user_agent TEXT,
        correlation_id TEXT,
        idempotency_key TEXT,
        content_sha256 BYTEA,
        CONSTRAINT events_pkey PRIMARY KEY (workspace_id, sequence),
        CONSTRAINT events_outcome_check CHECK (outcome IN ('SUCCESS', 'FAILURE', 'DENIED')),
        CONSTRAINT events_actor_kind_check CHECK (actor_kind IN ('AGENT', 'USER', 'SERVICE', 'SYSTEM')),
        CONSTRAINT events_comment_check CHECK (event_type <> 'task.comment' OR (task_id IS NOT NULL AND message ~ '[^[:space:]]'))
    );
    CREATE INDEX events_comments_board_idx ON events (workspace_id, board_id, sequence) WHERE event_type = 'task.comment';
    CREATE INDEX events_comments_task_idx ON events (workspace_id, task_id, sequence) WHERE event_type = 'task.comment';
    CREATE INDEX events_message_trgm_idx ON events USING gin (workspace_id, message gin_trgm_ops) WHERE message IS NOT NULL;
    CREATE INDEX events_workspace_id_action_sequence_idx ON events (workspace_id, action, sequence);
    CREATE INDEX events_workspace_id_actor_id_sequence_idx ON events (workspace_id, actor_id, sequence);
    CREATE INDEX events_workspace_id_actor_kind_sequence_idx ON events (workspace_id, actor_kind, sequence);
    CREATE INDEX events_workspace_id_agent_id_sequence_idx ON events (workspace_id, agent_id, sequence) WHERE agent_id IS NOT NULL;
    CREATE INDEX events_workspace_id_board_id_sequence_idx ON events (workspace_id, board_id, sequence) WHERE board_id IS NOT NULL;
    CREATE INDEX events_workspace_id_category_sequence_idx ON events (workspace_id, category, sequence);
    CREATE INDEX events_workspace_id_correlation_id_sequence_idx ON events (workspace_id, correlation_id, sequence) WHERE correlation_id IS NOT NULL;
    CREATE INDEX events_workspace_id_created_at_sequence_idx ON events (workspace_id, created_at, sequence);
    CREATE INDEX events_workspace_id_entity_type_entity_id_sequence_idx ON events (workspace_id, entity_type, entity_id, sequence);
    CREATE INDEX events_workspace_id_event_type_sequence_idx ON events (workspace_id, event_type, sequence);
    CREATE UNIQUE INDEX events_workspace_id_id_idx ON events (workspace_id, id);
    CREATE UNIQUE INDEX events_workspace_id_idempotency_key_idx ON events (workspace_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
    CREATE INDEX events_workspace_id_outcome_sequence_idx ON events (workspace_id, outcome, sequence) WHERE outcome <> 'SUCCESS';
    CREATE INDEX events_workspace_id_task_id_sequence_idx ON events (workspace_id, task_id, sequence) WHERE task_id IS NOT NULL;
    CREATE INDEX events_workspace_id_user_id_sequence_idx ON events (workspace_id, user_id, sequence) WHERE user_id IS NOT NULL;
    """,
)

FUNCTIONS = (
    # The last line of defence: it holds for the tables' owner as well, whom grants do not bind.
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% on % is refused: %', TG_OP, TG_TABLE_NAME,
            CASE TG_TABLE_NAME WHEN 'events' THEN 'the log is append-only' ELSE 'mark the row deleted instead' END
            USING ERRCODE = 'insufficient_privilege';
    END $$;
    """,
    # Heads are locked in id order, as the writers of the log do, so that the two cannot deadlock.
    """
    CREATE FUNCTION mark_access_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        changed record;
        affected uuid[];
    BEGIN
        IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
        IF changed.workspace_id IS NOT NULL THEN
            affected := ARRAY[changed.workspace_id];
        ELSE
            SELECT array_agg(workspace_id) INTO affected FROM memberships WHERE user_id = changed.subject_id;
        END IF;
        PERFORM 1 FROM heads WHERE workspace_id = ANY (affected) ORDER BY workspace_id FOR UPDATE;
        UPDATE heads SET access_version = access_version + 1 WHERE workspace_id = ANY (affected);
        PERFORM pg_notify('trailcast', 'access ' || workspace_id) FROM unnest(affected) AS workspace_id;
        RETURN NULL;
    END $$;
    """,
)

# What events may name is kept for ever.
NAMED_TABLES = ("workspaces", "projects", "boards", "users", "agents", "services", "tasks")

ACCESS_TRIGGERS = (
    "CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON memberships"
    " FOR EACH ROW EXECUTE FUNCTION mark_access_changed()",
    "CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON board_grants"
    " FOR EACH ROW EXECUTE FUNCTION mark_access_changed()",
    "CREATE TRIGGER access_changed AFTER DELETE OR UPDATE OF revoked_at, expires_at ON credentials"
    " FOR EACH ROW EXECUTE FUNCTION mark_access_changed()",
    "CREATE TRIGGER access_changed AFTER UPDATE OF is_deleted, board_id ON agents"
    " FOR EACH ROW WHEN ((OLD.is_deleted, OLD.board_id) IS DISTINCT FROM (NEW.is_deleted, NEW.board_id))"
    " EXECUTE FUNCTION mark_access_changed()",
    "CREATE TRIGGER access_changed AFTER UPDATE OF is_deleted ON users"
    " FOR EACH ROW WHEN (OLD.is_deleted IS DISTINCT FROM NEW.is_deleted) EXECUTE FUNCTION mark_access_changed()",
    "CREATE TRIGGER access_changed AFTER UPDATE OF is_deleted ON services"
    " FOR EACH ROW WHEN (OLD.is_deleted IS DISTINCT FROM NEW.is_deleted) EXECUTE FUNCTION mark_access_changed()",
)

# The role outlives a downgrade: it belongs to the whole cluster, where other databases may use it. It may also be there
# before, made by whoever may make roles; then CREATEROLE is not needed, which is asked for even where nothing is made. Since
# PostgreSQL 16 the maker of a role is its member without the right to become it (SET), and becoming it is what the server does.
GRANTS = (
    """
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'trailcast_app') THEN
            CREATE ROLE trailcast_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$
    """,
    """
    DO $$ BEGIN
        IF NOT pg_has_role(current_user, 'trailcast_app',
                           CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
            EXECUTE format('GRANT trailcast_app TO %I', current_user);
        END IF;
    END $$
    """,
    "GRANT SELECT, INSERT ON events TO trailcast_app",
    "GRANT SELECT, INSERT, UPDATE ON heads, workspaces, projects, boards, users, agents, services, tasks, credentials"
    " TO trailcast_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON memberships, board_grants TO trailcast_app",
    "GRANT SELECT ON alembic_version TO trailcast_app",
)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
    for statements in TABLES:
        for statement in statements.strip().rstrip(";").split(";\n"):
            op.execute(statement)
    for function in FUNCTIONS:
        op.execute(function)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for table in NAMED_TABLES:
        op.execute(
            f"CREATE TRIGGER keep_names BEFORE DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for trigger in ACCESS_TRIGGERS:
        op.execute(trigger)
    for grant in GRANTS:
        op.execute(grant)


def downgrade() -> None:
    """Removes the log. Only for a database whose content is worth nothing."""
    tables = ("events", "heads", "credentials", "tasks", "services", "agents", "board_grants", "memberships", "users")
    for table in (*tables, "boards", "projects", "workspaces"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION mark_access_changed()")
    op.execute("DROP FUNCTION refuse_change()")
