// Shows the messages of the AsyncAPI document below Swagger UI, which knows OpenAPI only.
const place = document.getElementById("messages");

function element(name, text, ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

function resolved(spec, node) {
  if (!node.$ref) return node;
  const found = node.$ref.slice(2).split("/").reduce((part, key) => part[key], spec);
  return { ...resolved(spec, found), ...node };
}

function typeOf(schema) {
  const values = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  return values.length ? values.join(" | ") : (schema.format ?? schema.type ?? "");
}

function fields(spec, schema) {
  const rows = Object.entries(schema.properties).map(([name, node]) => {
    const field = resolved(spec, node);
    const optional = schema.required.includes(name) ? "" : "optional";
    const cells = [name, typeOf(field), optional, (field.description ?? "").split("\n")[0]];
    return element("tr", "", ...cells.map((text) => element("td", text)));
  });
  return element("table", "", ...rows);
}

function message(spec, reference) {
  const found = resolved(spec, resolved(spec, reference));
  const section = element("section", "", element("h3", found.title), element("p", found.summary));
  section.id = `message-${found.name}`;
  section.append(element("pre", JSON.stringify(found.examples[0].payload, null, 2)));
  section.append(fields(spec, resolved(spec, found.payload)));
  return section;
}

async function show() {
  const spec = await (await fetch(place.dataset.document)).json();
  const received = new Set(
    Object.values(spec.operations)
      .filter((operation) => operation.action === "receive")
      .flatMap((operation) => operation.messages.map((each) => each.$ref.split("/").at(-1))),
  );
  const names = Object.keys(spec.components.messages);
  const sections = (wanted) =>
    names
      .filter((name) => received.has(name) === wanted)
      .map((name) => message(spec, { $ref: `#/components/messages/${name}` }));
  const link = element("a", "AsyncAPI document");
  link.href = place.dataset.document;
  place.append(element("h2", spec.info.title), element("p", spec.info.description), link);
  place.append(element("h2", "From the server"), ...sections(false));
  place.append(element("h2", "From the client"), ...sections(true));
}

show();
