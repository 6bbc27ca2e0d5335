// Reads {"tables": {name: schema}, "queries": {name: text}} from standard input and writes, for each query, what
// Microsoft's own parser says of it and the columns of its result. The first argument is the folder of the packages.
const packages = process.argv[2] + "/@kusto/language-service-next/";
require(packages + "bridge.min.js");
require(packages + "Kusto.Language.Bridge.min.js");
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

const list = (items) =>
  Array.from({ length: items.Count ?? items.length }, (_, i) => (items.getItem ? items.getItem(i) : items[i]));

const { tables, queries } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const symbols = Object.entries(tables).map(([name, schema]) => Symbols.TableSymbol.From(schema).WithName(name));
const database = new Symbols.DatabaseSymbol.$ctor1("workspace", symbols);
const globals = GlobalState.Default.WithDatabase(database);

const told = {};
for (const [name, text] of Object.entries(queries)) {
  const code = KustoCode.ParseAndAnalyze(text, globals);
  told[name] = {
    problems: list(code.GetDiagnostics()).map((problem) => `${problem.Severity} at ${problem.Start}: ${problem.Message}`),
    columns: list(code.ResultType?.Columns ?? []).map((column) => column.Name),
  };
}
process.stdout.write(JSON.stringify(told));
