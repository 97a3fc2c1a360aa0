BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'softswitch','m001_views','2026-11-22 08:17:26.326241+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'softswitch','m002_position','2026-11-22 08:17:26.326822+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'softswitch','m003_call_ids','2026-11-22 08:17:26.327580+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'softswitch','m004_service_level','2026-11-22 08:17:26.328213+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'softswitch','m005_segments','2026-11-22 08:17:26.329054+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'softswitch','m006_rollups','2026-11-22 08:17:26.332870+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'softswitch','m007_subjects','2026-11-22 08:17:26.333380+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'softswitch','m008_estimates','2026-11-22 08:17:26.333748+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'softswitch','m009_notes','2026-11-22 08:17:26.333920+00:00');
INSERT INTO "_sqlite_migrations" VALUES(10,'softswitch','m010_audit','2026-11-22 08:17:26.334445+00:00');
INSERT INTO "_sqlite_migrations" VALUES(11,'softswitch','m011_withheld','2026-11-22 08:17:26.335475+00:00');
CREATE TABLE agent_intervals (interval_at INTEGER NOT NULL, agent TEXT NOT NULL, queue TEXT NOT NULL, offers INTEGER NOT NULL DEFAULT 0, answered INTEGER NOT NULL DEFAULT 0, missed INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0, withdrawn INTEGER NOT NULL DEFAULT 0, ring_s FLOAT NOT NULL DEFAULT 0, talk_s FLOAT NOT NULL DEFAULT 0, hold_s FLOAT NOT NULL DEFAULT 0, held_s FLOAT NOT NULL DEFAULT 0, transfer_s FLOAT NOT NULL DEFAULT 0, wrap_up_s FLOAT NOT NULL DEFAULT 0, transfers INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, agent, queue)) WITHOUT ROWID;
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
CREATE TABLE agent_time_intervals (interval_at INTEGER NOT NULL, agent TEXT NOT NULL, status TEXT NOT NULL, state TEXT NOT NULL, seconds FLOAT NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, agent, status, state)) WITHOUT ROWID;
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
CREATE TABLE "audit" (
   "log_position" INTEGER PRIMARY KEY,
   "at" REAL,
   "type" TEXT,
   "who" TEXT,
   "call" TEXT,
   "subject" TEXT,
   "data" TEXT
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
, "caller_leg" TEXT, "withheld" INTEGER);
INSERT INTO "calls" VALUES('of the release',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
CREATE TABLE "configuration_changes" (
   "log_position" INTEGER PRIMARY KEY,
   "at" REAL,
   "kind" TEXT,
   "name" TEXT,
   "change" TEXT
);
CREATE TABLE disposition_intervals (interval_at INTEGER NOT NULL, queue TEXT NOT NULL, agent TEXT NOT NULL, disposition TEXT NOT NULL, calls INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, queue, agent, disposition)) WITHOUT ROWID;
CREATE TABLE "dispositions" (
   "log_position" INTEGER PRIMARY KEY,
   "call" TEXT,
   "queue" TEXT,
   "agent" TEXT,
   "disposition" TEXT,
   "at" REAL,
   "note" TEXT
);
CREATE TABLE estimate_intervals (interval_at INTEGER NOT NULL, queue TEXT NOT NULL, judged INTEGER NOT NULL DEFAULT 0, hits INTEGER NOT NULL DEFAULT 0, shorter INTEGER NOT NULL DEFAULT 0, longer INTEGER NOT NULL DEFAULT 0, width_s FLOAT NOT NULL DEFAULT 0, waited_s FLOAT NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, queue)) WITHOUT ROWID;
CREATE TABLE flow_intervals (interval_at INTEGER NOT NULL, flow TEXT NOT NULL, step TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 0, calls INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, flow, step)) WITHOUT ROWID;
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
INSERT INTO "journal_position" VALUES(1,0,0,0,9);
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
   "ended_by" TEXT, "sip_call_id" TEXT, "seconds" REAL, "started_mono" REAL, "started_boot" TEXT,
   PRIMARY KEY ("call", "leg")
);
CREATE TABLE number_intervals (interval_at INTEGER NOT NULL, to_number TEXT NOT NULL, calls INTEGER NOT NULL DEFAULT 0, talked INTEGER NOT NULL DEFAULT 0, abandoned INTEGER NOT NULL DEFAULT 0, repeated INTEGER NOT NULL DEFAULT 0, wait_s FLOAT NOT NULL DEFAULT 0, talk_s FLOAT NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, to_number)) WITHOUT ROWID;
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
   "waited_s" REAL, "service_level_s" REAL, "skills" TEXT, "repeated" INTEGER,
   PRIMARY KEY ("call", "visit")
);
CREATE TABLE queue_intervals (interval_at INTEGER NOT NULL, queue TEXT NOT NULL, offered INTEGER NOT NULL DEFAULT 0, answered INTEGER NOT NULL DEFAULT 0, abandoned INTEGER NOT NULL DEFAULT 0, short_abandoned INTEGER NOT NULL DEFAULT 0, sent_on INTEGER NOT NULL DEFAULT 0, in_time INTEGER NOT NULL DEFAULT 0, repeated INTEGER NOT NULL DEFAULT 0, waited_s FLOAT NOT NULL DEFAULT 0, answer_s FLOAT NOT NULL DEFAULT 0, abandon_s FLOAT NOT NULL DEFAULT 0, wait_max_s FLOAT NOT NULL DEFAULT 0, w00 INTEGER NOT NULL DEFAULT 0, w01 INTEGER NOT NULL DEFAULT 0, w02 INTEGER NOT NULL DEFAULT 0, w03 INTEGER NOT NULL DEFAULT 0, w04 INTEGER NOT NULL DEFAULT 0, w05 INTEGER NOT NULL DEFAULT 0, w06 INTEGER NOT NULL DEFAULT 0, w07 INTEGER NOT NULL DEFAULT 0, w08 INTEGER NOT NULL DEFAULT 0, w09 INTEGER NOT NULL DEFAULT 0, w10 INTEGER NOT NULL DEFAULT 0, w11 INTEGER NOT NULL DEFAULT 0, w12 INTEGER NOT NULL DEFAULT 0, w13 INTEGER NOT NULL DEFAULT 0, w14 INTEGER NOT NULL DEFAULT 0, w15 INTEGER NOT NULL DEFAULT 0, w16 INTEGER NOT NULL DEFAULT 0, w17 INTEGER NOT NULL DEFAULT 0, w18 INTEGER NOT NULL DEFAULT 0, w19 INTEGER NOT NULL DEFAULT 0, w20 INTEGER NOT NULL DEFAULT 0, w21 INTEGER NOT NULL DEFAULT 0, w22 INTEGER NOT NULL DEFAULT 0, w23 INTEGER NOT NULL DEFAULT 0, w24 INTEGER NOT NULL DEFAULT 0, w25 INTEGER NOT NULL DEFAULT 0, w26 INTEGER NOT NULL DEFAULT 0, w27 INTEGER NOT NULL DEFAULT 0, w28 INTEGER NOT NULL DEFAULT 0, w29 INTEGER NOT NULL DEFAULT 0, w30 INTEGER NOT NULL DEFAULT 0, w31 INTEGER NOT NULL DEFAULT 0, w32 INTEGER NOT NULL DEFAULT 0, w33 INTEGER NOT NULL DEFAULT 0, w34 INTEGER NOT NULL DEFAULT 0, w35 INTEGER NOT NULL DEFAULT 0, w36 INTEGER NOT NULL DEFAULT 0, w37 INTEGER NOT NULL DEFAULT 0, w38 INTEGER NOT NULL DEFAULT 0, w39 INTEGER NOT NULL DEFAULT 0, w40 INTEGER NOT NULL DEFAULT 0, w41 INTEGER NOT NULL DEFAULT 0, w42 INTEGER NOT NULL DEFAULT 0, w43 INTEGER NOT NULL DEFAULT 0, w44 INTEGER NOT NULL DEFAULT 0, w45 INTEGER NOT NULL DEFAULT 0, w46 INTEGER NOT NULL DEFAULT 0, w47 INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, queue)) WITHOUT ROWID;
CREATE TABLE reason_intervals (interval_at INTEGER NOT NULL, queue TEXT NOT NULL, reason TEXT NOT NULL, outcome TEXT NOT NULL, calls INTEGER NOT NULL DEFAULT 0, wait_s FLOAT NOT NULL DEFAULT 0, talk_s FLOAT NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, queue, reason, outcome)) WITHOUT ROWID;
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
CREATE TABLE "segments" (
   "log_position" INTEGER,
   "leg" TEXT,
   "call" TEXT,
   "kind" TEXT,
   "agent" TEXT,
   "user" TEXT,
   "trunk" TEXT,
   "queue" TEXT,
   "flow" TEXT,
   "started_at" REAL,
   "ended_at" REAL,
   "seconds" REAL,
   "started_mono" REAL,
   "started_boot" TEXT,
   PRIMARY KEY ("log_position", "leg")
);
CREATE TABLE skill_intervals (interval_at INTEGER NOT NULL, skill TEXT NOT NULL, offered INTEGER NOT NULL DEFAULT 0, answered INTEGER NOT NULL DEFAULT 0, abandoned INTEGER NOT NULL DEFAULT 0, short_abandoned INTEGER NOT NULL DEFAULT 0, sent_on INTEGER NOT NULL DEFAULT 0, in_time INTEGER NOT NULL DEFAULT 0, repeated INTEGER NOT NULL DEFAULT 0, waited_s FLOAT NOT NULL DEFAULT 0, answer_s FLOAT NOT NULL DEFAULT 0, abandon_s FLOAT NOT NULL DEFAULT 0, wait_max_s FLOAT NOT NULL DEFAULT 0, w00 INTEGER NOT NULL DEFAULT 0, w01 INTEGER NOT NULL DEFAULT 0, w02 INTEGER NOT NULL DEFAULT 0, w03 INTEGER NOT NULL DEFAULT 0, w04 INTEGER NOT NULL DEFAULT 0, w05 INTEGER NOT NULL DEFAULT 0, w06 INTEGER NOT NULL DEFAULT 0, w07 INTEGER NOT NULL DEFAULT 0, w08 INTEGER NOT NULL DEFAULT 0, w09 INTEGER NOT NULL DEFAULT 0, w10 INTEGER NOT NULL DEFAULT 0, w11 INTEGER NOT NULL DEFAULT 0, w12 INTEGER NOT NULL DEFAULT 0, w13 INTEGER NOT NULL DEFAULT 0, w14 INTEGER NOT NULL DEFAULT 0, w15 INTEGER NOT NULL DEFAULT 0, w16 INTEGER NOT NULL DEFAULT 0, w17 INTEGER NOT NULL DEFAULT 0, w18 INTEGER NOT NULL DEFAULT 0, w19 INTEGER NOT NULL DEFAULT 0, w20 INTEGER NOT NULL DEFAULT 0, w21 INTEGER NOT NULL DEFAULT 0, w22 INTEGER NOT NULL DEFAULT 0, w23 INTEGER NOT NULL DEFAULT 0, w24 INTEGER NOT NULL DEFAULT 0, w25 INTEGER NOT NULL DEFAULT 0, w26 INTEGER NOT NULL DEFAULT 0, w27 INTEGER NOT NULL DEFAULT 0, w28 INTEGER NOT NULL DEFAULT 0, w29 INTEGER NOT NULL DEFAULT 0, w30 INTEGER NOT NULL DEFAULT 0, w31 INTEGER NOT NULL DEFAULT 0, w32 INTEGER NOT NULL DEFAULT 0, w33 INTEGER NOT NULL DEFAULT 0, w34 INTEGER NOT NULL DEFAULT 0, w35 INTEGER NOT NULL DEFAULT 0, w36 INTEGER NOT NULL DEFAULT 0, w37 INTEGER NOT NULL DEFAULT 0, w38 INTEGER NOT NULL DEFAULT 0, w39 INTEGER NOT NULL DEFAULT 0, w40 INTEGER NOT NULL DEFAULT 0, w41 INTEGER NOT NULL DEFAULT 0, w42 INTEGER NOT NULL DEFAULT 0, w43 INTEGER NOT NULL DEFAULT 0, w44 INTEGER NOT NULL DEFAULT 0, w45 INTEGER NOT NULL DEFAULT 0, w46 INTEGER NOT NULL DEFAULT 0, w47 INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, skill)) WITHOUT ROWID;
CREATE TABLE "subjects" (
   "subject" TEXT PRIMARY KEY,
   "number" TEXT
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
CREATE TABLE survey_intervals (interval_at INTEGER NOT NULL, queue TEXT NOT NULL, agent TEXT NOT NULL, question TEXT NOT NULL, answers INTEGER NOT NULL DEFAULT 0, score FLOAT NOT NULL DEFAULT 0, satisfied INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, queue, agent, question)) WITHOUT ROWID;
CREATE TABLE "surveys" (
   "log_position" INTEGER PRIMARY KEY,
   "call" TEXT,
   "queue" TEXT,
   "agent" TEXT,
   "question" TEXT,
   "score" REAL,
   "at" REAL
);
CREATE TABLE "switch_starts" (
   "log_position" INTEGER PRIMARY KEY,
   "at" REAL,
   "node" TEXT,
   "generation" INTEGER,
   "restored_calls" INTEGER,
   "restored_queued" INTEGER
);
CREATE TABLE trunk_intervals (interval_at INTEGER NOT NULL, trunk TEXT NOT NULL, inbound INTEGER NOT NULL DEFAULT 0, outbound INTEGER NOT NULL DEFAULT 0, answered INTEGER NOT NULL DEFAULT 0, seconds FLOAT NOT NULL DEFAULT 0, most_at_once INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (interval_at, trunk)) WITHOUT ROWID;
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
CREATE INDEX "idx_segments_call"
    ON "segments" ("call");
CREATE INDEX segments_open ON segments (call, leg) WHERE ended_at IS NULL;
CREATE INDEX "idx_surveys_call"
    ON "surveys" ("call");
CREATE INDEX "idx_dispositions_call"
    ON "dispositions" ("call");
CREATE INDEX "idx_calls_from_number_started_at"
    ON "calls" ("from_number", "started_at");
CREATE INDEX trunk_legs_open ON legs (trunk) WHERE ended_at IS NULL AND trunk IS NOT NULL;
CREATE INDEX "idx_audit_at"
    ON "audit" ("at");
CREATE INDEX "idx_audit_subject"
    ON "audit" ("subject");
COMMIT;
