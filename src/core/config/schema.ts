import * as z from "zod";
import { key, section, type } from "./describe.ts";
import * as s from "./scalars.ts";
import { listenerSchema } from "./schema-listener.ts";
import { poolSchema } from "./schema-pool.ts";

/** The one schema: what `check` accepts, what editors complete (JSON Schema) and what the reference manual says. */

const admin = section("a map with bind and socket", {
  bind: key(s.adminAddress().prefault("127.0.0.1:9400"), {
    text: "Where `/healthz`, `/readyz`, `/metrics` and the read-only status are served over TCP. Whatever changes something goes through the socket.",
  }),
  socket: key(s.filePath({ bytesMax: 107 }).optional(), {
    text: "The unix socket that the commands talk to (mode 0660).",
    example: "socket: /run/weichensteller/admin.sock",
    without:
      "`/run/weichensteller/admin.sock`; without root, a file under `$XDG_RUNTIME_DIR` or a private folder of the temp directory",
  }),
});

const workersForm = "auto, or a whole number from 1 to 64";
const userForm = "the name of a user account";

const process = section("a map such as { workers: 2 }", {
  workers: key(
    type(
      z.union(
        [
          z.literal("auto"),
          z.int({ error: workersForm }).min(1, { error: workersForm }).max(64, { error: workersForm }),
        ],
        { error: workersForm },
      ),
      { name: "auto | number", form: workersForm, limits: "from 1 to 64", words: ["auto"] },
    ).default("auto"),
    {
      text: "Worker processes. `auto`: one per core, at most 8.",
    },
  ),
  connections: key(s.integer({ min: 1, max: 10_000_000 }).default(100_000), {
    text: "Client connections of the whole node, all workers together. Further ones are accepted and closed at once.",
    see: ["listeners.*.limits.connections"],
  }),
  data: key(s.filePath().optional(), {
    text: "The folder for what outlives a restart.",
    example: "data: /var/lib/weichensteller",
    without: "`/var/lib/weichensteller`; without root, a folder beside the admin socket",
  }),
  user: key(
    type(z.string({ error: userForm }).regex(/^[a-z_][a-z0-9_-]{0,31}$/i, { error: userForm }), {
      name: "user",
      form: userForm,
    }).optional(),
    {
      text: "The account that workers run as when the program is started as root.",
      example: "user: www-data",
      without: "`weichensteller` where there is such an account",
    },
  ),
  drain: key(s.duration({ min: 1, max: 86_400_000, zero: "do not wait" }).prefault("30s"), {
    text: "The longest wait for running exchanges when the program stops.",
  }),
  watch: key(s.flag().default(false), {
    text: "Whether a change of the configuration file is a reload by itself, within half a second.",
  }),
});

const access = section("a map such as { sample: 1% }", {
  format: key(s.choice("json").default("json"), { text: "The form of a line." }),
  sample: key(s.share({ max: 1 }).prefault("0%"), {
    text: "The share of exchanges that are logged.",
  }),
  file: key(s.filePath().optional(), {
    text: "Where the lines go.",
    example: "access: { sample: 10%, file: /var/log/weichensteller/access.log }",
    without: "standard output",
  }),
});

const log = section("a map such as { level: info }", {
  level: key(s.choice("debug", "info", "warn", "error").default("info"), {
    text: "The least important lines that are still written.",
  }),
  format: key(s.choice("auto", "text", "json").default("auto"), {
    text: "`auto`: `text` on a terminal, else `json`.",
  }),
  access: key(access.optional(), {
    text: "A line per exchange.",
    without: "none",
    example: "access: { sample: 10%, file: /var/log/weichensteller/access.log }",
  }),
});

const versionForm = "1, the version of this configuration language";
const mapForm = (what: string) => `a map of names to ${what}`;

export const configSchema = section("a map with version, listeners and pools", {
  version: key(type(z.literal(1, { error: versionForm }), { name: "1", form: versionForm }), {
    text: "The version of the configuration language.",
    example: "version: 1",
  }),
  listeners: key(
    type(z.record(s.name(), listenerSchema, { error: mapForm("listeners") }), {
      name: "map",
      form: mapForm("listeners"),
    }),
    {
      text: "Where clients come in, by name.",
      example: "listeners:\n  api:\n    bind: 127.0.0.1:8080\n    pool: app",
    },
  ),
  pools: key(
    type(z.record(s.name(), poolSchema, { error: mapForm("pools") }), {
      name: "map",
      form: mapForm("pools"),
    }),
    {
      text: "Endpoints that serve the same, by name.",
      example: "pools:\n  app:\n    endpoints: [127.0.0.1:9001, 127.0.0.1:9002]",
    },
  ),
  admin: key(admin.prefault({}), { text: "Where the running program can be asked and told." }),
  process: key(process.prefault({}), { text: "The processes of this node." }),
  log: key(log.prefault({}), { text: "What is written where." }),
});

export type ConfigInput = z.output<typeof configSchema>;
