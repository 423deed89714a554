import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript-6";

const root = fileURLToPath(new URL("../..", import.meta.url));
const libraryFolder = fileURLToPath(new URL("../../packages/creditkit", import.meta.url));

/** One subpath of the package, such as `creditkit/pg`. */
export interface Subpath {
  name: string;
  declarations: Declaration[];
}

export interface Field {
  name: string;
  type: string;
  description: string;
}

export interface Declaration {
  name: string;
  kind: "function" | "class" | "constant" | "type";
  /** Path of the file and the line that declares it. */
  source: string;
  /** TypeScript, without its body. */
  signature: string;
  description: string;
  throws: string;
  example: string;
  fields: Field[];
  /** Names of what it extends. */
  bases: string[];
  /** Methods of an interface, each of which is explained like a function. */
  methods: Declaration[];
}

/** Everything that the package exports, as its sources declare and explain it. */
export function readSubpaths(): Subpath[] {
  const manifest = JSON.parse(readFileSync(`${libraryFolder}/package.json`, "utf8"));
  const entries = Object.entries<{ types?: string }>(manifest.exports).flatMap(([subpath, { types }]) => {
    if (types === undefined) return [];
    const file = `${libraryFolder}/${types.replace("./dist/", "src/").replace(/\.d\.ts$/, "")}`;
    const source = [".ts", ".tsx"].map((extension) => file + extension).find(ts.sys.fileExists);
    if (source === undefined) throw new Error(`${subpath} has no source at ${file}`);
    return [{ name: subpath.replace(/^\./, "creditkit"), source }];
  });
  const { config } = ts.readConfigFile(`${libraryFolder}/tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, libraryFolder);
  const program = ts.createProgram(
    entries.map(({ source }) => source),
    options,
  );
  const reader = new Reader(program.getTypeChecker());
  return entries.map(({ name, source }) => {
    const file = program.getSourceFile(source);
    if (file === undefined) throw new Error(`${source} was not read`);
    return { name, declarations: reader.exportsOf(file) };
  });
}

class Reader {
  constructor(private readonly checker: ts.TypeChecker) {}

  exportsOf(file: ts.SourceFile): Declaration[] {
    const module = this.checker.getSymbolAtLocation(file);
    if (module === undefined) return [];
    return this.checker
      .getExportsOfModule(module)
      .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol))
      .map((symbol) => this.read(symbol));
  }

  private read(symbol: ts.Symbol): Declaration {
    const nodes = symbol.declarations ?? [];
    // A value and a type of one name are one thing here; the value says what there is.
    const node = nodes.find((one) => !ts.isTypeAliasDeclaration(one)) ?? nodes[0];
    if (node === undefined) throw new Error(`${symbol.name} is declared nowhere`);
    const base = { ...this.explained(symbol, node), name: symbol.name, fields: [], methods: [], bases: [] };
    if (ts.isFunctionDeclaration(node))
      return { ...base, kind: "function", signature: withoutBody(node, symbol.name) };
    if (ts.isClassDeclaration(node)) return { ...base, ...this.members(symbol, node), kind: "class" };
    if (ts.isInterfaceDeclaration(node)) return { ...base, ...this.members(symbol, node), kind: "type" };
    if (ts.isVariableDeclaration(node)) return { ...base, kind: "constant", signature: constant(node) };
    if (ts.isTypeAliasDeclaration(node)) return { ...base, kind: "type", signature: this.alias(node) };
    throw new Error(`${symbol.name} is declared in a way that is not read: ${ts.SyntaxKind[node.kind]}`);
  }

  /** What the docstring says, and where it stands. */
  private explained(symbol: ts.Symbol, node: ts.Node) {
    const tags = symbol.getJsDocTags(this.checker);
    const tag = (name: string) => ts.displayPartsToString(tags.find((one) => one.name === name)?.text).trim();
    const file = node.getSourceFile();
    const { line } = file.getLineAndCharacterOfPosition(node.getStart());
    return {
      description: ts.displayPartsToString(symbol.getDocumentationComment(this.checker)).trim(),
      throws: tag("throws"),
      example: tag("example"),
      source: `${relative(root, file.fileName)}:${line + 1}`,
    };
  }

  private members(symbol: ts.Symbol, node: ts.InterfaceDeclaration | ts.ClassDeclaration) {
    const type = this.checker.getDeclaredTypeOfSymbol(symbol);
    const fields: Field[] = [];
    const methods: Declaration[] = [];
    const own = ts.isClassDeclaration(node) ? [...(symbol.exports?.values() ?? [])] : [];
    for (const member of [...own, ...this.checker.getPropertiesOfType(type)]) {
      const [declared] = member.declarations ?? [];
      if (declared === undefined || isHidden(declared) || isForeign(declared)) continue;
      const isMethod = ts.isMethodSignature(declared) || ts.isMethodDeclaration(declared);
      if (isMethod) methods.push(this.method(member, declared));
      else fields.push(this.field(member, declared));
    }
    const heading = `${ts.isClassDeclaration(node) ? "class" : "interface"} ${symbol.name}`;
    const heritage = (node.heritageClauses ?? []).map((clause) => ` ${clause.getText()}`).join("");
    const bases = (type.getBaseTypes?.() ?? []).map((base) => base.symbol.name);
    return { fields, methods, bases, signature: `${heading}${parametersOf(node)}${heritage}` };
  }

  private field(member: ts.Symbol, declared: ts.Declaration): Field {
    const isOptional = (member.flags & ts.SymbolFlags.Optional) !== 0;
    const node = "type" in declared ? (declared.type as ts.TypeNode | undefined) : undefined;
    const type = node?.getText() ?? this.checker.typeToString(this.checker.getTypeOfSymbol(member));
    return {
      name: `${member.name}${isOptional ? "?" : ""}`,
      type: type.replace(/\/\*\*[\s\S]*?\*\//g, "").replace(/\s+/g, " "),
      description: ts.displayPartsToString(member.getDocumentationComment(this.checker)).trim(),
    };
  }

  /** A method that only points at a function has that function's docstring. */
  private method(member: ts.Symbol, declared: ts.MethodSignature | ts.MethodDeclaration): Declaration {
    const own = this.explained(member, declared);
    const [, target] = /^\{@link (\w+)\s*\}/.exec(own.description) ?? [];
    const meant = target === undefined ? undefined : this.inScope(target, declared);
    const isStatic = ts.isMethodDeclaration(declared) && declared.modifiers?.some(isStaticModifier);
    return {
      ...(meant ?? own),
      ...(own.throws && { throws: own.throws }),
      name: member.name,
      kind: "function",
      signature: `${isStatic ? "static " : ""}${withoutBody(declared, member.name)}`,
      fields: [],
      methods: [],
      bases: [],
    };
  }

  private inScope(name: string, location: ts.Node) {
    const symbol = this.checker
      .getSymbolsInScope(location, ts.SymbolFlags.Function | ts.SymbolFlags.Alias)
      .find((one) => one.name === name);
    if (symbol === undefined) return undefined;
    const meant = symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol;
    const [node] = meant.declarations ?? [];
    return node && this.explained(meant, node);
  }

  /** The members of a union that is derived from a constant, else the type as it is written. */
  private alias(node: ts.TypeAliasDeclaration): string {
    const written = node.type.getText();
    const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias;
    const type = written.includes("typeof")
      ? this.checker.typeToString(this.checker.getTypeAtLocation(node), node, flags)
      : written;
    return `type ${node.name.text}${parametersOf(node)} = ${type}`;
  }
}

type Documented = ts.InterfaceDeclaration | ts.ClassDeclaration | ts.TypeAliasDeclaration;

const parametersOf = ({ typeParameters = [] as never }: Documented) =>
  typeParameters.length === 0 ? "" : `<${typeParameters.map((one) => one.getText()).join(", ")}>`;

const isStaticModifier = ({ kind }: ts.ModifierLike) => kind === ts.SyntaxKind.StaticKeyword;

/** Members of `Error` and the like are explained elsewhere. */
const isForeign = (node: ts.Node) => node.getSourceFile().fileName.includes("node_modules");

function isHidden(node: ts.Declaration): boolean {
  if (ts.isConstructorDeclaration(node) || ts.isPropertyAssignment(node)) return true;
  const flags = ts.getCombinedModifierFlags(node);
  return (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0;
}

function withoutBody(
  node: ts.FunctionDeclaration | ts.MethodSignature | ts.MethodDeclaration,
  name: string,
): string {
  const file = node.getSourceFile();
  const types = node.typeParameters?.map((one) => one.getText()).join(", ");
  const parameters = node.parameters.map((parameter) => {
    const optional = parameter.questionToken === undefined && parameter.initializer === undefined ? "" : "?";
    // A destructured parameter is named by its type.
    const named = ts.isIdentifier(parameter.name) ? parameter.name.text : "options";
    const rest = parameter.dotDotDotToken === undefined ? "" : "...";
    return `${rest}${named}${optional}: ${parameter.type?.getText(file).replace(/\s+/g, " ") ?? "unknown"}`;
  });
  const answer = node.type?.getText(file).replace(/\s+/g, " ") ?? "void";
  const head = ts.isFunctionDeclaration(node) ? "function " : "";
  const line = `${head}${name}${types === undefined ? "" : `<${types}>`}(${parameters.join(", ")}): ${answer}`;
  const lineWidth = 90;
  if (line.length <= lineWidth) return line;
  return `${head}${name}${types === undefined ? "" : `<${types}>`}(\n${parameters.map((one) => `  ${one},\n`).join("")}): ${answer}`;
}

/** What a constant is: all of it when it is data, its maker when it is made. */
function constant(node: ts.VariableDeclaration): string {
  const name = node.name.getText();
  if (node.type !== undefined) return `const ${name}: ${node.type.getText()}`;
  const { initializer } = node;
  if (initializer !== undefined && ts.isCallExpression(initializer)) {
    const [first] = initializer.arguments;
    const more = initializer.arguments.length > 1 ? ", …" : "";
    return `const ${name} = ${initializer.expression.getText()}(${first?.getText() ?? ""}${more})`;
  }
  return `const ${name} = ${initializer?.getText() ?? ""}`;
}
