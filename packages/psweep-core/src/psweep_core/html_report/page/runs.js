// Runs, parameters, slowest psets, and all of one pset.

function drawRuns() {
  const short = (text) => el("span", { title: text }, text.length > 12 ? text.slice(0, 8) : text);
  const list = (texts) => (texts.length ? el("span", {}, ...texts.slice(0, 5).flatMap((text) => [short(text), " "]), texts.length > 5 ? "…" : "") : null);
  const states = (run) => Object.entries(run.jobs).map(([state, n]) => `${count(n)} ${state}`).join(", ") || null;
  const hosts = (run) => (run.hosts.length ? run.hosts : run.host ? [run.host] : []);
  $("runs-table").replaceChildren(simpleTable(
    [["run", "number"], ["state", "nowrap"], ["jobs", "nowrap"], ["func"], ["first pset started", "nowrap"], ["last pset ended", "nowrap"], ["psets", "number"], ["failed", "number"], ["computing", "number"], ["per pset", "number"], ["commit"], ["changed since the run before", "long"], ["Python"], ["hosts"], ["command", "long"], ["run id"]],
    data.runs.map((run) => [
      run.seq, el("span", { class: run.state.replaceAll(" ", "-") }, run.state), states(run), run.func ? shortText(run.func, 40) : run.kind || null, when(run.start), when(run.end),
      run.planned && run.planned !== run.psets ? `${count(run.psets)} of ${count(run.planned)}` : run.waiting ? `${count(run.psets)} of ${count(run.psets + run.waiting)}` : count(run.psets),
      el("span", { class: run.failed ? "bad" : "" }, count(run.failed)),
      duration(run.seconds), run.psets && run.seconds !== null ? duration(run.seconds / run.psets) : null,
      run.commits.length ? el("span", {}, list(run.commits), run.dirty ? el("span", { class: "bad", title: "files under version control had been changed" }, "+ changes") : null) : null,
      run.changes && run.changes.length ? run.changes.join("; ") : null,
      run.python || null, list(hosts(run)), run.argv ? shortText(run.argv, 80) : null, short(run.id)])));
  const last = [...data.runs].reverse().find((run) => run.packages && Object.keys(run.packages).length);
  $("packages").textContent = last ? `Packages of run ${last.seq}: ${Object.entries(last.packages).map(([name, version]) => `${name} ${version}`).join(", ")}.` : "";
  const changed = data.runs.filter((run) => (run.changes || []).some((text) => text.startsWith("code")));
  $("runs-summary").textContent = `${many(data.runs.length, "run")}${changed.length ? `, the code changed before run ${changed.map((run) => run.seq).join(", ")}` : ""}`;
}

function drawSlowest() {
  if (!data.slowest.length) { $("slow").remove(); return; }
  const runtime = byName.get("_pset_runtime");
  $("slowest").replaceChildren(simpleTable(
    [["pset", "number"], ["run", "number"], ["runtime", "number"], ["parameters", "long"]],
    data.slowest.map((row) => [psetButton(row), byName.get("_run_seq").value(row), duration(runtime.value(row)), describe(row)])));
}

function drawParams() {
  $("params-table").replaceChildren(simpleTable(
    [["parameter"], ["type"], ["values", "number"], ["which", "wide"], ["psets without", "number"]],
    params.map((param) => {
      const { values } = param;
      let shown;
      if (param.low !== null && param.n_values > 12) {
        const [low, high] = alike([param.low, param.high]).map((text) => el("span", { class: "value" }, text));
        shown = [low, "to ", high];
      } else {
        const some = values.slice(0, 24);
        if (param.column.isNumber || param.column.kind === "date") some.sort(compareValues);
        const numbers = some.filter((value) => typeof value === "number");
        const texts = apart(numbers, shortNumber, 6);
        shown = some.map((value) => el("span", { class: "value" }, typeof value === "number" ? texts[numbers.indexOf(value)] : shownValue(value, 40)));
        if (param.n_values > 24) shown.push(`… and ${count(param.n_values - 24)} more`);
      }
      return [shortText(param.column.name, 60), param.types.join(", "), count(param.n_values), el("span", {}, ...shown), param.missing ? count(param.missing) : null];
    })));
  $("params-summary").textContent = `${many(params.length, "parameter")}, ${count(varied.length)} varied`;
}

// ---- all of one pset ----

function textsOfRow(row) {
  const failure = failureOf.get(row);
  const parts = [];
  if (failure) {
    parts.push(el("h3", {}, "Traceback"), failure.text === null
      ? el("p", { class: "quiet" }, "There is none on this page.") : el("pre", { tabIndex: 0 }, data.texts[failure.text]));
    if (failure.recovered) parts.push(el("p", { class: "good" }, "The same parameters have succeeded in a later run."));
  }
  if (logOf.has(row)) parts.push(el("h3", {}, "Log"), el("pre", { tabIndex: 0 }, data.texts[logOf.get(row)]));
  return parts;
}

function showDetails(row) {
  const group = (role) => columns.filter((column) => column.role === role && column.cells[row] !== null)
    .map((column) => [column.label, el("span", { class: isOdd(column.value(row)) ? "odd" : "" }, exactText(column.value(row)), thumbnail(column.value(row), 160))]);
  $("details-title").textContent = `Pset ${textOf(seqs.value(row))}`;
  const body = [];
  const failed = textsOfRow(row);
  const copies = el("p", { class: "controls" },
    copyButton("copy as dict", () => pythonDict(row)),
    copyButton("copy as pandas", () => `ps.df_read(${pythonText(data.calc_dir)}).loc[${textOf(seqs.value(row))}]`));
  if (failureOf.has(row)) body.push(...failed);
  for (const [role, title] of [["param", "Parameters"], ["result", "Results"]]) {
    const rows = group(role);
    if (rows.length) body.push(el("h3", {}, title), simpleTable([["name"], ["value", "long"]], rows));
    if (role === "param") body.push(copies);
  }
  if (!failureOf.has(row)) body.push(...failed);
  body.push(el("h3", {}, "Bookkeeping"), simpleTable([["name"], ["value", "long"]], group("book")));
  $("details-body").replaceChildren(...body);
  setState("pset", textOf(seqs.value(row)));
  if (!$("details").open) $("details").showModal();
  $("details").scrollTop = 0;
}
