-- A file of the first release that had a database, with one session, as its schema was then.
CREATE TABLE project (
  id text PRIMARY KEY, worktree text NOT NULL, vcs text, name text, icon_url text, icon_color text,
  time_created integer NOT NULL, time_updated integer NOT NULL, time_initialized integer, sandboxes text NOT NULL
);
CREATE TABLE message (
  id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL,
  data text NOT NULL, FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
);
CREATE TABLE part (
  id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, time_created integer NOT NULL,
  time_updated integer NOT NULL, data text NOT NULL, FOREIGN KEY (message_id) REFERENCES message (id) ON DELETE CASCADE
);
CREATE TABLE permission (
  project_id text PRIMARY KEY, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL,
  FOREIGN KEY (project_id) REFERENCES project (id) ON DELETE CASCADE
);
CREATE TABLE session (
  id text PRIMARY KEY, project_id text NOT NULL, parent_id text, slug text NOT NULL, directory text NOT NULL,
  title text NOT NULL, version text NOT NULL, share_url text, summary_additions integer, summary_deletions integer,
  summary_files integer, summary_diffs text, revert text, permission text, time_created integer NOT NULL,
  time_updated integer NOT NULL, time_compacting integer, time_archived integer,
  FOREIGN KEY (project_id) REFERENCES project (id) ON DELETE CASCADE
);
CREATE TABLE todo (
  session_id text NOT NULL, content text NOT NULL, status text NOT NULL, priority text NOT NULL,
  position integer NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL,
  PRIMARY KEY (session_id, position), FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
);
CREATE TABLE session_share (
  session_id text PRIMARY KEY, id text NOT NULL, secret text NOT NULL, url text NOT NULL,
  time_created integer NOT NULL, time_updated integer NOT NULL,
  FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
);
CREATE INDEX message_session_idx ON message (session_id);
CREATE INDEX part_message_idx ON part (message_id);
CREATE INDEX part_session_idx ON part (session_id);
CREATE INDEX session_project_idx ON session (project_id);
CREATE INDEX session_parent_idx ON session (parent_id);
CREATE INDEX todo_session_idx ON todo (session_id);

INSERT INTO project VALUES ('p1', '/work/old', 'git', NULL, 'data:icon', NULL, 1770000000000, 1770000000000, NULL, '[]');
INSERT INTO permission VALUES ('p1', 1770000000000, 1770000000000, '[]');
INSERT INTO session VALUES ('ses_old', 'p1', NULL, 'calm-tiger', '/work/old', 'Old session', '1.1.0', NULL, 3, 1, 2,
  NULL, NULL, NULL, 1770000000000, 1770000001000, NULL, NULL);
INSERT INTO message VALUES ('msg_old1', 'ses_old', 1770000000100, 1770000000100,
  '{"role":"user","time":{"created":1770000000100},"agent":"build","model":{"providerID":"a","modelID":"m"}}');
INSERT INTO message VALUES ('msg_old2', 'ses_old', 1770000000200, 1770000000200,
  '{"role":"assistant","time":{"created":1770000000200,"completed":1770000000300},"parentID":"msg_old1","modelID":"m","providerID":"a","mode":"build","agent":"build","path":{"cwd":"/work/old","root":"/work/old"},"cost":0.25,"tokens":{"input":10,"output":20,"reasoning":3,"cache":{"read":4,"write":5}},"finish":"stop"}');
INSERT INTO part VALUES ('prt_old1', 'msg_old1', 'ses_old', 1770000000100, 1770000000100, '{"type":"text","text":"hello"}');
INSERT INTO part VALUES ('prt_old2', 'msg_old2', 'ses_old', 1770000000200, 1770000000200, '{"type":"text","text":"hi there"}');
INSERT INTO todo VALUES ('ses_old', 'first', 'pending', 'high', 0, 1770000000000, 1770000000000);
INSERT INTO session_share VALUES ('ses_old', 'share1', 'secret', 'https://example.com/s/1', 1770000000000, 1770000000000);
