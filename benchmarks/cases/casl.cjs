// Run by Node: nanoseconds for CASL to answer what `authz_rules.py` asks, as JSON. Argument: a file beside its packages.
const { createRequire } = require("node:module");
const { AbilityBuilder, createMongoAbility, subject } = createRequire(process.argv[2])("@casl/ability");
const { permittedFieldsOf } = createRequire(process.argv[2])("@casl/ability/extra");

const COLUMNS = ["id", "title", "body", "author", "org_id", "published", "secret", "margin"];
const { can, cannot, build } = new AbilityBuilder(createMongoAbility);
for (let name = 0; name < 24; name++)
  for (const action of ["create", "read", "update", "delete"]) can(action, `subject${name}`);
can("read", "Row", ["id", "title", "body", "author", "published"], { published: true });
can("read", "Row", { org_id: 1 });
can("update", "Row", { org_id: 1 });
cannot("read", "Row", { title: "hidden" });
const ability = build();

const rows = Array.from({ length: 100 }, (_, number) => {
  const row = Object.fromEntries(COLUMNS.map((column) => [column, number]));
  row.title = `title ${number}`;
  row.published = number % 2 === 0;
  row.org_id = number % 4;
  return subject("Row", row);
});
const fieldsFrom = (rule) => rule.fields || COLUMNS;
const gate = () => ability.can("read", rows[1]);
const mask = () =>
  rows
    .filter((row) => ability.can("read", row))
    .map((row) => {
      const shown = {};
      for (const field of permittedFieldsOf(ability, "read", row, { fieldsFrom })) shown[field] = row[field];
      return shown;
    });

function best(call, turns) {
  let least = Infinity;
  for (let batch = 0; batch < 40; batch++) {
    const begin = process.hrtime.bigint();
    for (let turn = 0; turn < turns; turn++) call();
    least = Math.min(least, Number(process.hrtime.bigint() - begin) / turns);
  }
  return least;
}
console.log(JSON.stringify({ shown: mask().length, gate: best(gate, 20000), mask: best(mask, 200) }));
