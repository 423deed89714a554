import type { ProblemCode } from "./api-problem.ts";

/** As much of an OpenAPI document as the page shows. */
interface Document {
  info: { title: string; description?: string };
  servers?: { url: string }[];
  tags?: { name: string; description?: string }[];
  paths?: object;
  components?: object;
}

interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  example?: unknown;
}

interface Operation {
  operationId: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: { key: string[] }[];
  parameters?: { name: string; in: string; required?: boolean; schema: Schema; description?: string }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>;
}

/** The document as a page: no script, nothing from another host, light and dark. */
export function referencePage(
  document: Document,
  problems: Readonly<Record<ProblemCode, readonly [status: number, title: string]>>,
): string {
  const base = document.servers?.[0]?.url ?? "";
  const paths = (document.paths ?? {}) as Record<string, Record<string, Operation>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = document.tags ?? [];
  const inTag = (tag: string) => operations.filter(({ operation }) => operation.tags?.includes(tag));
  const schemas = Object.entries(
    (document.components as { schemas?: Record<string, Schema> } | undefined)?.schemas ?? {},
  );

  const navigation = tags.map(
    ({ name }) =>
      html`<li><a href="#tag-${name}">${name}</a><ul>${inTag(name).map(
        ({ operation }) => html`<li><a href="#${operation.operationId}">${operation.operationId}</a></li>`,
      )}</ul></li>`,
  );
  const sections = tags.map(
    ({ name, description }) =>
      html`<section><h2 id="tag-${name}">${name}</h2><p>${description ?? ""}</p>${inTag(name).map(
        ({ path, method, operation }) => section({ base, path, method, operation }),
      )}</section>`,
  );
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${document.info.title} API</title>
<link rel="stylesheet" href="${base}/reference.css">
</head>
<body>
<nav aria-label="Operations"><a href="#top">${document.info.title} API</a><ul>${navigation}<li><a href="#schemas">Schemas</a></li><li><a href="#codes">Error codes</a></li></ul></nav>
<main id="top">
<h1>${document.info.title} API</h1>
<p>${document.info.description ?? ""} Base: <code>${base || "/"}</code>. The same as a document: <a href="${base}/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<p>Every request carries <code>Authorization: Bearer &lt;key&gt;</code>. Bodies are JSON; an instant is ISO 8601, an amount is a number of credits. A refusal is a problem (RFC 9457) whose <code>code</code> is one of the <a href="#codes">error codes</a>.</p>
${sections}
<section><h2 id="schemas">schemas</h2>${schemas.map(
    ([name, schema]) =>
      html`<h3 id="schema-${name}">${name}</h3><p>${prose(schema.description)}</p>${fieldsOf(schema)}`,
  )}</section>
<section><h2 id="codes">error codes</h2><div class="wide" tabindex="0" role="region" aria-labelledby="codes"><table><thead><tr><th>Code</th><th>Status</th><th>Title</th></tr></thead><tbody>${Object.entries(
    problems,
  ).map(
    ([code, [status, title]]) =>
      html`<tr id="${code}"><td><code>${code}</code></td><td>${String(status)}</td><td>${title}</td></tr>`,
  )}</tbody></table></div></section>
</main>
</body>
</html>`;
  return page.text;
}

function section({
  base,
  path,
  method,
  operation,
}: {
  base: string;
  path: string;
  method: string;
  operation: Operation;
}): Html {
  const scope = operation.security?.[0]?.key[0];
  const body = operation.requestBody?.content["application/json"]?.schema;
  const parameters = operation.parameters ?? [];
  return html`<article><h3 id="${operation.operationId}">${operation.summary ?? operation.operationId}</h3>
<p><code class="route"><b>${method.toUpperCase()}</b> ${base}${path}</code> ${
    scope === undefined ? "" : html`<span class="scope">scope <code>${scope}</code></span>`
  }</p>
${operation.description === undefined ? "" : html`<p>${prose(operation.description)}</p>`}
${
  parameters.length === 0
    ? ""
    : table(
        "Parameters",
        parameters.map(({ name, in: where, required, schema, description }) => ({
          name,
          note: where,
          required: required === true,
          schema: { ...schema, ...(description && { description }) },
        })),
      )
}
${body === undefined ? "" : html`<h4>Body</h4>${fieldsOf(body)}`}
<h4>Answers</h4><ul class="answers">${Object.entries(operation.responses).map(
    ([status, { description, content }]) =>
      html`<li><b>${status}</b> ${
        content?.["application/json"] ? typeOf(content["application/json"].schema) : prose(description)
      }</li>`,
  )}</ul></article>`;
}

function fieldsOf(schema: Schema): Html {
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants) return html`<ul>${variants.map((variant) => html`<li>${fieldsOf(variant)}</li>`)}</ul>`;
  const parts = schema.allOf ?? [schema];
  const inherited = parts.filter(({ $ref }) => $ref !== undefined);
  const own = parts.filter(({ properties }) => properties !== undefined);
  const rows = own.flatMap(({ properties = {}, required = [] }) =>
    Object.entries(properties).map(([name, field]) => ({
      name,
      note: "",
      required: required.includes(name),
      schema: field,
    })),
  );
  if (rows.length === 0 && inherited.length === 0) return html`<p>${typeOf(schema)}</p>`;
  return html`${inherited.map((part) => html`<p>All of ${typeOf(part)}${rows.length > 0 ? ", and:" : "."}</p>`)}${
    rows.length > 0 ? table("Fields", rows) : ""
  }`;
}

function table(
  caption: string,
  rows: { name: string; note: string; required: boolean; schema: Schema }[],
): Html {
  return html`<div class="wide" tabindex="0" role="region" aria-label="${caption}"><table><thead><tr><th>${caption}</th><th>Type</th><th>Meaning</th></tr></thead><tbody>${rows.map(
    ({ name, note, required, schema }) =>
      html`<tr><td><code>${name}</code>${required ? "" : html` <small>optional</small>`}${
        note === "" ? "" : html` <small>${note}</small>`
      }</td><td>${typeOf(schema)}</td><td>${prose(schema.description)}</td></tr>`,
  )}</tbody></table></div>`;
}

function typeOf(schema: Schema): Html {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace(/^.*\//, "");
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (schema.enum) {
    return html`${schema.enum.map((value, index) => html`${index === 0 ? "" : " · "}<code>${String(value)}</code>`)}`;
  }
  const variants = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (variants)
    return html`${variants.map((one, index) => html`${index === 0 ? "" : " or "}${typeOf(one)}`)}`;
  if (schema.items) return html`list of ${typeOf(schema.items)}`;
  const types = [schema.type ?? "anything"].flat().join(" or ");
  return html`${schema.format === "date-time" ? types.replace("string", "instant") : types}`;
}

/** Text with code in backquotes. */
function prose(text: string | undefined): Html {
  const parts = (text ?? "").split("`");
  return html`${parts.map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}

/** What may stand in the page as it is. */
class Html {
  constructor(readonly text: string) {}
}

type Part = string | Html | readonly Part[];

/** A template whose values are escaped, unless they are templates themselves. */
function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(strings.reduce((text, next, index) => text + escaped(parts[index - 1] ?? "") + next));
}

function escaped(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part !== "string") return part.map(escaped).join("");
  return part
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A file of its own: hosts whose policy allows no style inside a page show it too. */
export const referenceStyle = `
:root{color-scheme:light dark;--line:light-dark(#d9dde3,#33383f);--soft:light-dark(#f4f6f8,#1b1f24);--text:light-dark(#1d232b,#e4e8ed);--mild:light-dark(#555f6b,#a3adb8);--link:light-dark(#0b5cad,#7ab8ff)}
*{box-sizing:border-box}
body{margin:0;font:16px/1.55 system-ui,sans-serif;color:var(--text);background:light-dark(#fff,#121519);display:grid;grid-template-columns:16rem minmax(0,1fr)}
nav{position:sticky;top:0;align-self:start;height:100vh;overflow:auto;padding:1.5rem 1rem;border-right:1px solid var(--line);font-size:.875rem}
nav>a{font-weight:600}
nav ul{list-style:none;margin:.25rem 0;padding-left:.75rem}
nav>ul{padding:0}
nav>ul>li{margin-top:.75rem}
main{padding:2rem clamp(1rem,4vw,3rem) 6rem;max-width:64rem}
h1{margin-top:0}h2{margin-top:3rem;border-bottom:1px solid var(--line);padding-bottom:.25rem;text-transform:capitalize}h3{margin:2.25rem 0 .5rem}h4{margin:1rem 0 .25rem;font-size:.875rem;color:var(--mild)}
a{color:var(--link)}
code{font:.875em ui-monospace,monospace;background:var(--soft);padding:.1em .3em;border-radius:.25rem;overflow-wrap:anywhere}
.route{display:inline-block;padding:.35em .6em}
.scope,small{color:var(--mild)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-size:.8rem;color:var(--mild)}
.answers{padding-left:1.1rem;margin:.25rem 0}
tr:target,h3:target{background:light-dark(#fff6d6,#3a3310)}
@media (max-width:52rem){body{display:block}nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line)}nav ul ul{display:none}}
`;
