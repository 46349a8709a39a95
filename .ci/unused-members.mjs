// Finds methods and getters that nothing but a test calls: a part of `npm run lint`.
//
// A member is used when `src`, `replicator` or `examples` access it, or access the member of its
// name in a class or interface that its owner extends or implements. What the package exports is
// called by users, so members of exported types count as used, and so does what `outside` names.
// A class that is used through an interface says so with `implements`.
import { fileURLToPath } from 'node:url';
import { SyntaxKind as Kind } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Files whose exports users import: `exports` of package.json. */
const entries = new Set([
  'src/index.ts',
  'src/compose/open-journals.ts',
  'src/config/load-config.ts',
  'replicator/main.ts',
]);

/** Types whose members others call, with who that is. */
const outside = new Map([
  ['Config', 'users of kafka-journal/config: `loadConfig` returns it'],
  ['ActorClock', 'xstate'],
  ['Connection', 'kafkajs'],
  ['DriverResponse', 'kafkajs'],
  ['IsolatedSystem', 'xstate'],
]);

const behaviours = new Set([Kind.MethodDeclaration, Kind.MethodSignature, Kind.GetAccessor]);
const owners = new Set([Kind.ClassDeclaration, Kind.ClassExpression, Kind.InterfaceDeclaration]);

const api = new API({ cwd: root });
const [project] = api.updateSnapshot({ openProjects: [`${root}tsconfig.json`] }).getProjects();
const { program, checker } = project;

const members = [];
const accessed = [];
/** Names in patterns (`const { close } = log`): which type they come from is not looked up. */
const destructured = new Set();
const exported = new Set(outside.keys());

for (const path of program.getSourceFileNames()) {
  const file = path.startsWith(root) ? path.slice(root.length) : '';
  if (/^(src|replicator|examples)\//.test(file)) collect(program.getSourceFile(path), file);
}

const keyOf = ({ path, index }) => `${path}:${index}`;
const used = new Set(
  symbolsAt(accessed).flatMap((symbol) => symbol?.declarations.map(keyOf) ?? []),
);
const isUsed = (symbol) => symbol.declarations.some((declaration) => used.has(keyOf(declaration)));

const symbols = symbolsAt(members.map(({ name }) => name));
const unused = members.filter(
  ({ name, owner }, index) =>
    !destructured.has(name.text) &&
    !exported.has(owner.name?.text) &&
    !isUsed(symbols[index]) &&
    !isInherited(name.text, owner),
);
for (const { file, name } of unused) {
  const line = name.getSourceFile().text.slice(0, name.end).split('\n').length;
  console.error(`${file}:${line} nothing calls ${name.text}: remove it, or name its interface`);
}
api.close();
process.exitCode = unused.length === 0 ? 0 : 1;

function collect(node, file) {
  const { kind, name, parent } = node;
  if (behaviours.has(kind) && owners.has(parent.kind) && name.kind === Kind.Identifier) {
    if (!file.startsWith('examples/')) members.push({ file, name, owner: parent });
  }
  if (kind === Kind.PropertyAccessExpression) accessed.push(name);
  if (kind === Kind.BindingElement) destructured.add((node.propertyName ?? name)?.text);
  if (entries.has(file) && isExport(node)) exported.add(name.text);
  node.forEachChild((child) => collect(child, file));
}

function isExport({ kind, name, modifiers }) {
  const isMarked = modifiers?.some((modifier) => modifier.kind === Kind.ExportKeyword);
  return kind === Kind.ExportSpecifier || (name !== undefined && isMarked === true);
}

/** Asked for in pages: a request for each node would take minutes. */
function symbolsAt(nodes, page = 2000) {
  const pages = [];
  for (let at = 0; at < nodes.length; at += page) {
    pages.push(checker.getSymbolAtLocation(nodes.slice(at, at + page)));
  }
  return pages.flat();
}

/** Whether somebody calls the member through a type that `owner` extends or implements. */
function isInherited(name, owner) {
  const bases = (owner.heritageClauses ?? []).flatMap(({ types }) => [...types]);
  return bases.some((base) => {
    if (exported.has(base.expression.text)) return true;
    const properties = checker.getPropertiesOfType(checker.getTypeAtLocation(base));
    const inherited = properties.find((property) => property.name === name);
    return inherited !== undefined && (isUsed(inherited) || isForeign(inherited));
  });
}

function isForeign({ declarations }) {
  return declarations.every(({ path }) => path.includes('/node_modules/'));
}
