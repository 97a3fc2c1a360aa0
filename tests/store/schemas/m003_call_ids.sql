BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'softswitch','m001_views','2026-11-22 04:11:46.433309+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'softswitch','m002_position','2026-11-22 04:11:46.433644+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'softswitch','m003_call_ids','2026-11-22 04:11:46.433974+00:00');
CREATE TABLE "agent_states" (
   "log_position" INTEGER PRIMARY KEY,
   "agent" TEXT,
   "signed_in" INTEGER,
   "status" TEXT,
   "status_reason" TEXT,
   "state" TEXT,
   "call" TEXT,
   "from_at" REAL,
   "until_at" REAL,
   "seconds" REAL
);
CREATE TABLE "agents" (
   "agent" TEXT PRIMARY KEY,
   "user" TEXT,
   "signed_in" INTEGER,
   "status" TEXT,
   "status_reason" TEXT,
   "state" TEXT,
   "call" TEXT,
   "since_at" REAL,
   "since_mono" REAL,
   "since_boot" TEXT,
   "interval" INTEGER
);
CREATE TABLE "alarms" (
   "log_position" INTEGER PRIMARY KEY,
   "at" REAL,
   "node" TEXT,
   "code" TEXT,
   "message" TEXT
);
CREATE TABLE "calls" (
   "call" TEXT PRIMARY KEY,
   "tenant" TEXT,
   "node" TEXT,
   "sip_call_id" TEXT,
   "direction" TEXT,
   "source" TEXT,
   "from_number" TEXT,
   "to_number" TEXT,
   "started_at" REAL,
   "answered_at" REAL,
   "ended_at" REAL,
   "flow" TEXT,
   "queue" TEXT,
   "agent" TEXT,
   "outcome" TEXT,
   "reason" TEXT,
   "ended_by" TEXT,
   "wait_s" REAL,
   "talk_s" REAL,
   "duration_s" REAL,
   "recordings" INTEGER
);
INSERT INTO "calls" VALUES('of the release',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0);
CREATE TABLE "configuration_changes" (
   "log_position" INTEGER PRIMARY KEY,
   "at" REAL,
   "kind" TEXT,
   "name" TEXT,
   "change" TEXT
);
CREATE TABLE "flow_steps" (
   "log_position" INTEGER PRIMARY KEY,
   "call" TEXT,
   "flow" TEXT,
   "step" TEXT,
   "at" REAL
);
CREATE TABLE "journal_position" (
   "id" INTEGER PRIMARY KEY,
   "log_position" INTEGER,
   "record_bytes" INTEGER,
   "record_crc32" INTEGER,
   "views_version" INTEGER
);
INSERT INTO "journal_position" VALUES(1,0,0,0,2);
CREATE TABLE "legs" (
   "call" TEXT,
   "leg" TEXT,
   "direction" TEXT,
   "address" TEXT,
   "user" TEXT,
   "agent" TEXT,
   "trunk" TEXT,
   "started_at" REAL,
   "answered_at" REAL,
   "bridged_at" REAL,
   "ended_at" REAL,
   "queue" TEXT,
   "talk_s" REAL,
   "reason" TEXT,
   "ended_by" TEXT, "sip_call_id" TEXT,
   PRIMARY KEY ("call", "leg")
);
CREATE TABLE "offers" (
   "log_position" INTEGER PRIMARY KEY,
   "offer" TEXT,
   "call" TEXT,
   "visit" INTEGER,
   "queue" TEXT,
   "agent" TEXT,
   "offered_at" REAL,
   "ended_at" REAL,
   "outcome" TEXT,
   "reason" TEXT,
   "ring_s" REAL
);
CREATE TABLE "queue_calls" (
   "call" TEXT,
   "visit" INTEGER,
   "queue" TEXT,
   "priority" INTEGER,
   "queued_at" REAL,
   "left_at" REAL,
   "outcome" TEXT,
   "reason" TEXT,
   "agent" TEXT,
   "offers" INTEGER,
   "waited_s" REAL,
   PRIMARY KEY ("call", "visit")
);
CREATE TABLE "recordings" (
   "recording" TEXT PRIMARY KEY,
   "call" TEXT,
   "agent" TEXT,
   "queue" TEXT,
   "path" TEXT,
   "left_leg" TEXT,
   "right_leg" TEXT,
   "started_at" REAL,
   "finished_at" REAL,
   "seconds" REAL,
   "left_expected" INTEGER,
   "left_received" INTEGER,
   "left_concealed" INTEGER,
   "left_late" INTEGER,
   "right_expected" INTEGER,
   "right_received" INTEGER,
   "right_concealed" INTEGER,
   "right_late" INTEGER,
   "error" TEXT
);
CREATE TABLE "registrations" (
   "user" TEXT,
   "contact" TEXT,
   "transport" TEXT,
   "registered_at" REAL,
   "expires_at" REAL,
   PRIMARY KEY ("user", "contact")
);
CREATE TABLE "supervisions" (
   "log_position" INTEGER PRIMARY KEY,
   "call" TEXT,
   "supervisor" TEXT,
   "agent" TEXT,
   "mode" TEXT,
   "started_at" REAL,
   "ended_at" REAL
);
CREATE TABLE "switch_starts" (
   "log_position" INTEGER PRIMARY KEY,
   "at" REAL,
   "node" TEXT,
   "generation" INTEGER,
   "restored_calls" INTEGER,
   "restored_queued" INTEGER
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX "idx_calls_started_at"
    ON "calls" ("started_at");
CREATE INDEX "idx_calls_ended_at"
    ON "calls" ("ended_at");
CREATE INDEX "idx_calls_queue_started_at"
    ON "calls" ("queue", "started_at");
CREATE INDEX "idx_calls_agent_started_at"
    ON "calls" ("agent", "started_at");
CREATE INDEX "idx_flow_steps_call"
    ON "flow_steps" ("call");
CREATE INDEX "idx_queue_calls_queue_queued_at"
    ON "queue_calls" ("queue", "queued_at");
CREATE INDEX "idx_queue_calls_queued_at"
    ON "queue_calls" ("queued_at");
CREATE INDEX "idx_offers_call"
    ON "offers" ("call");
CREATE INDEX "idx_offers_agent_offered_at"
    ON "offers" ("agent", "offered_at");
CREATE INDEX "idx_recordings_call"
    ON "recordings" ("call");
CREATE INDEX "idx_recordings_started_at"
    ON "recordings" ("started_at");
CREATE INDEX "idx_agent_states_agent_from_at"
    ON "agent_states" ("agent", "from_at");
CREATE INDEX "idx_supervisions_call"
    ON "supervisions" ("call");
CREATE INDEX "idx_legs_sip_call_id"
    ON "legs" ("sip_call_id");
CREATE INDEX "idx_calls_sip_call_id"
    ON "calls" ("sip_call_id");
COMMIT;
