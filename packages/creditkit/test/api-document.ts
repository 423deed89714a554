import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

interface Operation {
  operationId: string;
  responses: Record<string, { content?: Record<string, object> }>;
}

/** The API's own description, and whether an answer is what it promises. */
export class ApiDocument {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly validators = new Map<string, ValidateFunction>();
  private readonly routes: { method: string; form: RegExp; operation: Operation; path: string }[];

  readonly document: { openapi: string; paths: Record<string, Record<string, Operation>> };

  constructor(document: unknown) {
    this.document = document as ApiDocument["document"];
    // The package's own types say that it is not callable.
    (addFormats as unknown as (ajv: Ajv2020) => void)(this.ajv);
    this.ajv.addSchema({ $id: "document", ...this.document });
    this.routes = Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
        form: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`),
      })),
    );
  }

  get operationIds(): string[] {
    return this.routes.map(({ operation }) => operation.operationId);
  }

  /** The operation that a request is for, by its path below the base. */
  operationOf(method: string, path: string): string | undefined {
    return this.routeOf(method, path)?.operation.operationId;
  }

  /** What is wrong with an answer; empty: nothing. */
  faultsOf(method: string, path: string, response: Response, body: unknown): string[] {
    const route = this.routeOf(method, path);
    if (route === undefined) return response.status === 404 ? [] : [`no route ${method} ${path}`];
    const promised = route.operation.responses[response.status];
    if (promised === undefined) return [`${method} ${route.path} does not promise ${response.status}`];
    const type = response.headers.get("content-type")?.split(";")[0] ?? "";
    const [expected] = Object.keys(promised.content ?? {});
    if (expected === undefined)
      return body === undefined ? [] : [`${route.path}: a body that was not promised`];
    if (type !== expected) return [`${route.path}: ${type} instead of ${expected}`];
    const pointer = [
      "paths",
      route.path,
      method.toLowerCase(),
      "responses",
      String(response.status),
      "content",
      type,
      "schema",
    ]
      .map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")))
      .join("/");
    const validate = this.validators.get(pointer) ?? this.ajv.compile({ $ref: `document#/${pointer}` });
    this.validators.set(pointer, validate);
    if (validate(body)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message }) => `${route.path} ${instancePath}: ${message}`,
    );
  }

  private routeOf(method: string, path: string) {
    const [plain = ""] = path.split("?");
    const found = this.routes.filter((route) => route.method === method && route.form.test(plain));
    // `/users/{userId}/holds` before a form that takes a fixed word for a parameter.
    return found.sort((one, other) => one.path.split("{").length - other.path.split("{").length)[0];
  }
}
