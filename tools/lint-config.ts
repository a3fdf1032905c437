/**
 * Writes .oxlintrc.json: the linter's half of the walls is a table of folders × rules, which nobody should keep by hand.
 * Run it after a change (`bin/bun tools/lint-config.ts`); test/architecture/linter.test.ts compares.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { layers, packageHomes, socketCalls, worldGlobals } from "../test/architecture/rules.ts";

type Layer = (typeof layers)[number];
type Setting = "error" | "off" | readonly ["error", ...unknown[]];

const pureLayers: readonly Layer[] = ["lib", "model", "core"];
const doorLayers: readonly Layer[] = ["platform", "main"];

const bareModules = "fs|os|path|net|tls|http|https|http2|dgram|child_process|worker_threads|crypto";
/** All of them, for the pure folders; the linter's expressions know no look-ahead. */
const builtins = pattern(
  `^(node:|bun(:|$)|(${bareModules})(/|$))`,
  "the operating system is reached through src/platform/ only",
);
/** All but node:path and node:util, which touch no system. */
const mostBuiltins = pattern(
  `^(node:([a-oq-tv-z_]|p[b-z]|u[a-su-z])|bun(:|$)|(${bareModules})(/|$))`,
  "the operating system is reached through src/platform/ only",
);
const sockets = "sockets are opened in src/engine/net/ only";
const socketModules = pattern("^(node:)?(net|tls|http|https|http2|dgram)(/|$)", sockets);

/** Rules of the whole project, beyond the linter's "correctness" and "suspicious". */
const rules: Readonly<Record<string, Setting>> = {
  "no-var": "error",
  "prefer-const": "error",
  eqeqeq: "error",
  "no-eval": "error",
  "max-lines": ["error", { max: 500 }],
  "typescript/no-explicit-any": "error",
  "typescript/no-namespace": "error",
  "typescript/parameter-properties": "error",
  "typescript/switch-exhaustiveness-check": [
    "error",
    { considerDefaultExhaustiveForUnions: true, allowDefaultCaseForExhaustiveSwitch: true },
  ],
  "import/no-default-export": "error",
  ...off(
    // Taste, or wrong about code as it stands here (byte tables, handlers without `this`, casts at a boundary).
    "import/no-cycle",
    "import/no-named-as-default",
    "import/no-named-as-default-member",
    "no-control-regex",
    "no-shadow",
    "no-underscore-dangle",
    "typescript/consistent-return",
    "typescript/no-base-to-string",
    "typescript/no-generated-empty-object-type",
    "typescript/no-unnecessary-boolean-literal-compare",
    "typescript/no-unnecessary-type-arguments",
    "typescript/no-unnecessary-type-assertion",
    "typescript/no-unnecessary-type-conversion",
    "typescript/no-unsafe-type-assertion",
    "typescript/restrict-template-expressions",
    "typescript/unbound-method",
    "unicorn/consistent-function-scoping",
    "unicorn/no-array-reverse",
    "unicorn/no-array-sort",
    "unicorn/no-new-array",
    "unicorn/prefer-string-starts-ends-with",
  ),
};

/** The text of .oxlintrc.json. */
export function lintConfig(): string {
  const config = {
    $schema: "./node_modules/oxlint/configuration_schema.json",
    plugins: ["typescript", "unicorn", "oxc", "import"],
    categories: { correctness: "error", suspicious: "error" },
    ignorePatterns: ["node_modules", "bench/results"],
    rules,
    overrides: [
      ...layers.flatMap(overridesOf),
      {
        files: ["src/**/*.test.ts", "test/**/*.ts", "bench/**/*.ts", "tools/**/*.ts"],
        rules: off("no-restricted-globals", "no-restricted-properties", "oxc/no-async-await", "no-console"),
      },
    ],
  };
  return `${JSON.stringify(config, undefined, 1)}\n`;
}

function overridesOf(layer: Layer): unknown[] {
  const folder = `src/${layer}`;
  const toTests = pattern("^\\.\\./(.*/)?(test|bench|tools)/", "src/ does not use tests or tools");
  const downwards = [...directionOf(layer), toTests];
  const found: unknown[] = [{ files: [`${folder}/**/*.ts`], rules: rulesOf(layer, downwards) }];
  if (layer === "core") {
    const patterns = [...downwards, packagesFor("src/core/config/"), builtins];
    found.push({
      files: ["src/core/config/**/*.ts"],
      rules: { "no-restricted-imports": ["error", { patterns }] },
    });
  }
  if (layer === "engine") {
    const patterns = [...downwards, packagesFor("src/engine/net/")];
    const free = off("no-restricted-globals", "no-restricted-properties");
    found.push({
      files: ["src/engine/net/**/*.ts"],
      rules: { ...free, "no-restricted-imports": ["error", { patterns }] },
    });
  }
  const forTests: Setting = directionOf(layer).length > 0 ? ["error", { patterns: directionOf(layer) }] : "off";
  found.push({ files: [`${folder}/**/*.test.ts`], rules: { "no-restricted-imports": forTests } });
  return found;
}

function rulesOf(layer: Layer, downwards: readonly unknown[]): Record<string, Setting> {
  const patterns = [...downwards, packagesFor(`src/${layer}/`)];
  const console: Record<string, Setting> = layer === "cli" || layer === "main" ? {} : { "no-console": "error" };
  if (doorLayers.includes(layer)) {
    const paths = [{ name: "bun", importNames: [...socketCalls], message: sockets }];
    return {
      "no-restricted-imports": ["error", { paths, patterns: [...patterns, socketModules] }],
      "no-restricted-properties": [
        "error",
        ...[...socketCalls].map((property) => ({ object: "Bun", property, message: sockets })),
      ],
      ...console,
    };
  }
  const isPure = pureLayers.includes(layer);
  const doors = [...worldGlobals].map((name) => ({
    name,
    message: "a port of src/platform/ brings this",
  }));
  const timeless = ["Date", "Promise"].map((name) => ({
    name,
    message: "a pure folder decides from what it is given",
  }));
  return {
    "no-restricted-imports": ["error", { patterns: [...patterns, isPure ? builtins : mostBuiltins] }],
    "no-restricted-globals": ["error", ...doors, ...(isPure ? timeless : [])],
    "no-restricted-properties": [
      "error",
      { object: "Date", property: "now", message: "the Clock port brings this" },
      { object: "Math", property: "random", message: "the Random port brings this" },
    ],
    ...(isPure ? ({ "oxc/no-async-await": "error" } as const) : {}),
    ...console,
  };
}

/** Forbids the folders that stand below this one. */
function directionOf(layer: Layer): unknown[] {
  const below = layers.slice(layers.indexOf(layer) + 1);
  if (below.length === 0) return [];
  return [
    pattern(
      `^\\.\\.?/(.*/)?(${below.join("|")})/`,
      `${layer} stands above these folders (docs/ARCHITECTURE.md, Layers)`,
    ),
  ];
}

/** Forbids the packages that have their home elsewhere. */
function packagesFor(folder: string): unknown {
  const names = Object.entries(packageHomes).filter(([, homes]) => !homes.includes(folder));
  return pattern(
    `^(${names.map(([name]) => name).join("|")})(/|$)`,
    "this package has its one folder (test/architecture/rules.ts)",
  );
}

function pattern(regex: string, message: string): unknown {
  return { regex, message };
}

function off(...names: readonly string[]): Record<string, Setting> {
  return Object.fromEntries(names.map((name) => [name, "off"] as const));
}

if (import.meta.main) writeFileSync(join(import.meta.dir, "../.oxlintrc.json"), lintConfig());
