// Adds to the page what plain HTML can't do: the timeline, the table of all tests, and buttons that copy.
//
// The timeline is a canvas and not SVG: each step of a zoom over 20,000 bars took 25 ms so, and half a second to a whole
// one with as many elements (Chromium on two busy cores). What it shows is reached by keyboard too, and the table has
// all of it as text. Nothing here makes markup of what tests wrote: text goes in as text.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (selector, within = document) => within.querySelector(selector);
  const every = (selector, within = document) => [...within.querySelectorAll(selector)];
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  const statuses = data.statuses.map(([key, word, mark]) => ({ key, word, mark }));
  const tests = data.tests.map(
    ([binary, name, status, time, start, worker, attempt, place, message, contexts, failure, last, past], index) => ({
      index, binary: data.binaries[binary], name, status, time, start, worker, attempt, place, message, contexts, failure, last, past,
    }));
  const seconds = (time) => {
    if (time < 0.0005) return "0 ms";
    if (time < 0.9995) return `${(time * 1e3).toFixed(0)} ms`;
    if (time < 9.995) return `${time.toFixed(2)} s`;
    if (time < 59.95) return `${time.toFixed(1)} s`;
    return `${Math.floor(time / 60)} min ${Math.floor(time % 60)} s`;
  };

  // Where to go from a bar, or from a link: to the entry of a failure, or else to the row in the table.
  const visit = (test) => test.failure === null ? table.choose(test) : unfold(test.failure);
  const unfold = (failure) => {
    const entry = document.getElementById(`failure-${failure}`);
    history.replaceState(null, "", `#failure-${failure}`);
    entry.open = true;
    entry.scrollIntoView({ block: "start" });
    find("summary", entry).focus({ preventScroll: true });
  };

  const isRed = (status) => ["failed", "crashed", "timed-out", "setup-failed", "error"].includes(statuses[status].key);

  // What was written by a test that passed, if it was kept.
  const outputs = document.getElementById("outputs")?.content;
  const outputOf = (test) => outputs?.getElementById(`output-${test.index}`)?.cloneNode(true);

  // ---- The table of all tests: a tree by package, binary and module, or a list. Its filter and order live in the
  // location, so that they can be linked to.

  // The groups that a test is in, outermost first. The name of a doctest is a path and a line, and has no modules.
  const pathOf = (test) => {
    const [, name, rest] = /^([^:@]*)(?:::)?(.*)$/.exec(test.binary);
    const parts = test.name.split("::");
    const modules = parts.slice(0, -1).every((part) => /^[\p{L}\p{N}_#]+$/u.test(part)) ? parts.slice(0, -1) : [];
    return [name, rest || "lib", ...modules];
  };
  const group = (label, key) => ({ label, key, groups: new Map(), tests: [], count: 0, red: 0, worst: Infinity, time: 0 });
  const grow = (tests) => {
    const root = group("", "");
    for (const test of tests) {
      let at = root;
      for (const part of pathOf(test)) {
        if (!at.groups.has(part)) at.groups.set(part, group(part, `${at.key}/${part}`));
        at = at.groups.get(part);
        at.count += 1;
        at.time += test.time;
        at.red += isRed(test.status);
        at.worst = Math.min(at.worst, test.status);
      }
      at.tests.push(test);
    }
    return root;
  };

  const table = (() => {
    const form = find("#tests form");
    if (!form) return { choose() {}, follow() {} };
    const grid = find("#tests table"), body = find("tbody", grid), more = find("#tests .more"), shown = find(".shown", form);
    const query = find("input", form), grouping = find(".grouping", form);
    const some = (key) => tests.some((test) => test[key] !== null);
    // [key, title, class, what the column shows of a test, and of a group]
    const columns = [
      ["status", "Outcome", "status", (test) => mark(test), (group) => sign(group)],
      ["name", "Test", "name", (test) => title(test), (group) => handle(group)],
      ["time", "Time", "number", (test) => test.start === null ? "" : seconds(test.time), (group) => seconds(group.time)],
      data.compared && ["last", "Last run", "number minor", (test) => change(test)],
      some("start") && ["start", "Started", "number minor", (test) => test.start === null ? "" : seconds(test.start)],
      some("worker") && ["worker", "Worker", "number minor", (test) => test.worker ?? ""],
    ].filter(Boolean);
    // Rows are made as they are wanted: a browser lays out hundreds at once, not twenty thousand.
    const CHUNK = 200;
    // In a small report all groups are open at first; in a large one those in which something is worth a look.
    const FEW = 60;
    let state = { q: "", outcome: new Set(), sort: "", list: false };
    // What is shown, rows of groups with it, and how far it is laid out.
    let matching = [], lines = [], rows = 0, chosen = null;
    // By the key of a group, whether somebody has opened or closed it.
    const opened = new Map();

    const isTree = () => !state.list && !state.sort;
    const isOpen = (group) => opened.get(group.key) ??
      (tests.length <= FEW || group.worst < statuses.length - 2 || state.q !== "" || state.outcome.size > 0);

    const mark = (test) => {
      const status = statuses[test.status];
      return element("span", {}, element("span", { class: `mark ${status.key}`, "aria-hidden": "true" }, status.mark),
        ` ${status.word}`,
        test.attempt > 1 ? element("span", { class: "quiet" }, `, attempt ${test.attempt}`) : "");
    };
    const sign = (group) => {
      const status = statuses[group.worst];
      return element("span", { class: `mark ${status.key}`, role: "img", "aria-label": status.word }, status.mark);
    };
    const handle = (group) => {
      const of = `${group.count} test${group.count === 1 ? "" : "s"}${group.red ? `, ${group.red} failed` : ""}`;
      const button = element("button", { type: "button", class: "handle", "aria-expanded": isOpen(group), tabindex: "-1" }, group.label);
      return element("span", {}, button, " ", element("span", { class: "quiet" }, of));
    };
    const title = (test) => {
      const parts = isTree() ? [test.name.split("::").slice(pathOf(test).length - 2).join("::")]
        : [element("span", { class: "binary" }, test.binary), " ", test.name];
      const name = element("span", {}, ...parts);
      const link = test.failure === null ? name : element("a", { href: `#failure-${test.failure}`, tabindex: "-1" }, name);
      const cell = element("span", {}, link);
      if (test.message) cell.append(element("span", { class: "why" }, test.message));
      return cell;
    };
    const PAST = { p: ["passed", "passed"], y: ["flaky", "flaky"], f: ["failed", "failed"] };
    const past = (test) => {
      const signs = [...test.past].map((letter) => {
        const [key, word] = PAST[letter], status = statuses.find((it) => it.key === key);
        return element("span", { class: `mark ${key}`, title: word, role: "img", "aria-label": word }, status.mark);
      });
      return element("span", { class: "why" }, "Earlier runs, the latest first: ", ...signs);
    };
    // What is shown beneath a test that was chosen.
    const detail = (test) => {
      const cell = element("td", { colspan: columns.length });
      const facts = [`${test.binary} ${test.name}`, test.place, test.contexts && `contexts: ${test.contexts}`].filter(Boolean);
      cell.append(element("span", { class: "why" }, facts.join(" · ")));
      if (test.past && test.past !== "new") cell.append(past(test));
      const output = outputOf(test);
      if (output) cell.append(output);
      const bar = timeline.barOf(test);
      if (bar) cell.append(locate(bar));
      return element("tr", { class: "detail" }, cell);
    };
    const change = (test) => {
      if (test.start === null || test.past === null) return "";
      if (test.past === "new") return element("span", { class: "quiet" }, "new");
      if (test.last === null) return element("span", { class: "quiet" }, "failed");
      const difference = test.time - test.last;
      if (Math.abs(difference) < 0.01 || Math.abs(difference) < test.last * 0.1) return seconds(test.last);
      const times = test.time / test.last;
      const share = times >= 3 ? ` ×${times.toFixed(1)}` : ` ${difference > 0 ? "+" : "−"}${Math.abs(times * 100 - 100).toFixed(0)} %`;
      return element("span", {}, seconds(test.last),
        element("span", { class: difference > 0 ? "slower" : "faster" }, share));
    };
    const row = ({ test, group, depth }) => {
      const made = element("tr", test ? { id: `test-${test.index}`, tabindex: "-1" } : { class: "group", tabindex: "-1", "data-key": group.key });
      if (test && test === chosen) made.className = "chosen";
      for (const [, , style, show, ofGroup] of columns) {
        made.append(element("td", { class: style }, test ? show(test) : ofGroup?.(group) ?? ""));
      }
      if (depth) made.style.setProperty("--depth", depth);
      return made;
    };
    const rowsOf = (line) => line.test && line.test === chosen ? [row(line), detail(line.test)] : [row(line)];

    const compare = (key) => {
      if (key === "name") return (a, b) => a.binary < b.binary ? -1 : a.binary > b.binary ? 1 : a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
      // What has no value comes last, whatever the order.
      return (a, b) => (a[key] ?? Infinity) - (b[key] ?? Infinity);
    };
    const descending = () => state.sort.startsWith("-");
    // The rows of what is in a group, as far as groups are open.
    const unfoldInto = (lines, { groups, tests }, depth) => {
      for (const inner of [...groups.values()].sort((a, b) => a.label < b.label ? -1 : 1)) {
        // One that holds nothing but another one is told together with it.
        let group = inner, label = inner.label;
        while (!group.tests.length && group.groups.size === 1) {
          [group] = group.groups.values();
          label += ` › ${group.label}`;
        }
        lines.push({ group: { ...group, label }, depth });
        if (isOpen(group)) unfoldInto(lines, group, depth + 1);
      }
      for (const test of tests) lines.push({ test, depth });
    };
    const update = () => {
      const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
      const key = state.sort.replace("-", "");
      matching = tests.filter((test) => {
        if (state.outcome.size && !state.outcome.has(statuses[test.status].key)) return false;
        if (!words.length) return true;
        const text = `${test.binary} ${test.name} ${test.place ?? ""} ${test.message ?? ""} ${test.contexts ?? ""}`.toLowerCase();
        return words.every((word) => text.includes(word));
      });
      if (key) {
        const order = compare(key);
        matching.sort(descending() ? (a, b) => a[key] === null || b[key] === null ? order(a, b) : order(b, a) : order);
      } else {
        matching.sort((a, b) => a.status - b.status);
      }
      arrange();
      shown.textContent = matching.length === tests.length ? `${tests.length} tests` : `${matching.length} of ${tests.length} tests`;
      for (const head of every("th", grid)) {
        if (head.dataset.key === key) head.setAttribute("aria-sort", descending() ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      }
      for (const button of every(".outcomes button", form)) button.setAttribute("aria-pressed", state.outcome.has(button.dataset.key));
      grouping.setAttribute("aria-pressed", isTree());
      if (query.value !== state.q) query.value = state.q;
    };
    const arrange = (count = CHUNK) => {
      lines = [];
      if (isTree()) unfoldInto(lines, grow(matching), 0);
      else for (const test of matching) lines.push({ test, depth: 0 });
      body.replaceChildren();
      rows = 0;
      extend(Math.max(count, CHUNK));
    };
    const extend = (count) => {
      const next = lines.slice(rows, rows + count);
      body.append(...next.flatMap(rowsOf));
      rows += next.length;
      if (body.firstChild) body.firstChild.tabIndex = 0;
      const left = lines.length - rows;
      more.hidden = left === 0;
      more.textContent = `Show more (${left})`;
    };
    const remember = () => {
      const words = new URLSearchParams();
      if (state.q) words.set("q", state.q);
      if (state.outcome.size) words.set("outcome", [...state.outcome].join(","));
      if (state.sort) words.set("sort", state.sort);
      if (state.list) words.set("view", "list");
      history.replaceState(null, "", `#${words.toString().replaceAll("%2C", ",") || "tests"}`);
      update();
    };
    const toggle = (key, open) => {
      const line = lines.find((line) => line.group?.key === key);
      if (!line || open === isOpen(line.group)) return;
      opened.set(key, !isOpen(line.group));
      arrange(rows);
      every("tr.group", body).find((row) => row.dataset.key === key)?.focus({ preventScroll: true });
    };

    for (const [key, title, style] of columns) {
      const button = element("button", { type: "button" }, title);
      button.addEventListener("click", () => {
        // Numbers are asked for from the greatest, words from the first.
        const first = key === "name" || key === "status" ? key : `-${key}`;
        const second = first === key ? `-${key}` : key;
        state.sort = state.sort === first ? second : state.sort === second ? "" : first;
        remember();
      });
      const head = element("th", { scope: "col", class: style, "data-key": key }, button);
      find("thead tr", grid).append(head);
    }
    statuses.forEach((status, place) => {
      const count = tests.filter((test) => test.status === place).length;
      if (!count) return;
      const button = element("button", { type: "button", "data-key": status.key }, element("span", { class: `mark ${status.key}`, "aria-hidden": "true" }, status.mark), ` ${status.word} ${count}`);
      button.addEventListener("click", () => {
        if (!state.outcome.delete(status.key)) state.outcome.add(status.key);
        remember();
      });
      find(".outcomes", form).append(button);
    });
    grouping.addEventListener("click", () => {
      state.list = isTree();
      state.sort = "";
      remember();
    });
    query.addEventListener("input", () => { state.q = query.value; remember(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", () => extend(5 * CHUNK));
    new IntersectionObserver((seen) => { if (seen.some((it) => it.isIntersecting)) extend(CHUNK); }, { rootMargin: "400px" }).observe(more);
    body.addEventListener("click", (event) => {
      const at = event.target.closest("tr");
      if (!at || event.target.closest("a, .detail") || getSelection().toString()) return;
      if (at.dataset.key) toggle(at.dataset.key);
      else choose(tests[at.id.slice(5)], false);
    });
    const beside = (row, step) => {
      const next = row?.[step];
      return next?.className === "detail" ? next[step] : next;
    };
    body.addEventListener("keydown", (event) => {
      const at = event.target.closest("tr");
      const to = {
        ArrowDown: beside(at, "nextSibling"), ArrowUp: beside(at, "previousSibling"), Home: body.firstChild, End: body.lastChild,
      }[event.key];
      if (to) {
        event.preventDefault();
        to.focus();
      } else if (at?.dataset.key && event.target === at) {
        const open = { ArrowRight: true, ArrowLeft: false }[event.key];
        if (open === undefined && event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        toggle(at.dataset.key, open);
      } else if (event.key === "Enter" && at && event.target === at) {
        // Or else the key would go on to where the focus goes, and close what it has just opened.
        event.preventDefault();
        const test = tests[at.id.slice(5)];
        if (test.failure === null) choose(test, false);
        else visit(test);
      }
    });

    const redraw = (test) => {
      const old = test && document.getElementById(`test-${test.index}`);
      if (!old) return;
      if (old.nextSibling?.className === "detail") old.nextSibling.remove();
      old.replaceWith(...rowsOf(lines.find((line) => line.test === test)));
    };
    const choose = (test, move = true) => {
      if (!matching.includes(test)) {
        state = { ...state, q: "", outcome: new Set() };
        update();
      }
      if (isTree() && !lines.some((line) => line.test === test)) {
        pathOf(test).reduce((key, part) => { opened.set(`${key}/${part}`, true); return `${key}/${part}`; }, "");
        arrange(rows);
      }
      const place = lines.findIndex((line) => line.test === test);
      if (place >= rows) extend(place - rows + CHUNK);
      const before = chosen;
      chosen = before === test && !move ? null : test;
      if (before !== test) redraw(before);
      redraw(test);
      const now = document.getElementById(`test-${test.index}`);
      now.focus({ preventScroll: true });
      if (move) now.scrollIntoView({ block: "center" });
    };
    const follow = (hash) => {
      if (hash && !hash.includes("=")) return false;
      const words = new URLSearchParams(hash);
      const keys = statuses.map((status) => status.key);
      const sort = words.get("sort") ?? "";
      state = {
        q: words.get("q") ?? "",
        outcome: new Set((words.get("outcome") ?? "").split(",").filter((key) => keys.includes(key))),
        sort: columns.some(([key]) => key === sort.replace("-", "")) ? sort : "",
        list: words.get("view") === "list",
      };
      update();
      return hash !== "";
    };
    form.hidden = false;
    grid.hidden = false;
    return { choose, follow };
  })();

  // ---- The timeline.

  const timeline = (() => {
    const canvas = document.getElementById("chart"), tip = document.getElementById("tip");
    if (!canvas) return { barOf() {}, barOfFailure() {}, reveal() {} };
    const pen = canvas.getContext("2d");
    const bars = data.bars.map(([row, start, time, status, kind, what, failure]) => {
      const test = typeof what === "number" ? tests[what] : null;
      return { row, start, time, end: start + time, status, kind, test, failure, name: test ? test.name : what };
    });
    const go = (bar) => bar.test ? visit(bar.test) : bar.failure && unfold(bar.failure);
    const rowOf = data.rows.map(() => []);
    for (const bar of bars) rowOf[bar.row].push(bar);

    // A build that took much longer than its tests would leave them no room: then it is a band and not to scale.
    const wall = Math.max(data.wall, ...bars.slice(-1).map((bar) => bar.end), 1e-3);
    const band = Math.min(data.build ?? 0, wall * 0.16), isCut = band < data.build;
    const whole = { from: -band, to: wall * 1.005 };
    let view = { ...whole }, current = null, drag = null, width = 0;

    const rowHeight = data.rows.length <= 12 ? 26 : data.rows.length <= 32 ? 17 : data.rows.length <= 100 ? 10 : 5;
    const AXIS = 26, GAP = 18, CHART = 70, END = 10;
    const top = (row) => AXIS + row * rowHeight;
    const floor = top(data.rows.length) + GAP + CHART;
    const height = floor + END;
    const gutter = () => width < 600 ? 34 : 78;
    const x = (time) => gutter() + (time - view.from) / (view.to - view.from) * (width - gutter() - 8);
    const timeAt = (at) => view.from + (at - gutter()) / (width - gutter() - 8) * (view.to - view.from);

    // Slots as they were told, or the workers that were busy.
    const steps = data.slots.length ? data.slots : (() => {
      const changes = bars.filter((bar) => data.rows[bar.row] !== "host").flatMap((bar) => [[bar.start, 1], [bar.end, -1]]);
      changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      let busy = 0;
      return changes.map(([at, change]) => [at, busy += change, 0]);
    })();
    const most = steps.reduce((most, [, held, waiting]) => Math.max(most, held + waiting), data.cap);

    // Colours come from the style sheet, so that there is one place for them; patterns tell outcomes apart without them.
    let colours, fills;
    const mix = () => {
      const style = getComputedStyle(document.documentElement);
      colours = new Proxy({}, { get: (known, name) => known[name] ??= style.getPropertyValue(`--${name}`).trim() });
      const pattern = (ground, paint) => {
        const tile = element("canvas", { width: 16, height: 16 });
        const pen = tile.getContext("2d");
        pen.scale(2, 2);
        pen.fillStyle = ground;
        pen.fillRect(0, 0, 8, 8);
        pen.strokeStyle = pen.fillStyle = colours.stripe;
        pen.lineWidth = 1.4;
        const line = (...at) => { pen.beginPath(); pen.moveTo(at[0], at[1]); pen.lineTo(at[2], at[3]); pen.stroke(); };
        paint(pen, line);
        const made = canvas.getContext("2d").createPattern(tile, "repeat");
        made.setTransform(new DOMMatrix([0.5, 0, 0, 0.5, 0, 0]));
        return made;
      };
      const rising = (pen, line) => { line(-2, 10, 10, -2); line(-2, 2, 2, -2); line(6, 10, 10, 6); };
      const falling = (pen, line) => { line(-2, -2, 10, 10); line(-2, 6, 2, 10); line(6, -2, 10, 2); };
      const { "bar-failed": red, "bar-flaky": amber, "bar-off": grey, "bar-fixture": blue } = colours;
      fills = {
        passed: colours["bar-passed"],
        failed: pattern(red, rising),
        crashed: pattern(red, (...it) => { rising(...it); falling(...it); }),
        "timed-out": pattern(red, (pen, line) => line(4, 0, 4, 8)),
        error: pattern(red, (pen, line) => line(0, 4, 8, 4)),
        flaky: pattern(amber, (pen) => pen.fillRect(3, 3, 2.5, 2.5)),
        "not-reached": pattern(grey, (pen, line) => line(4, 0, 4, 8)),
        cancelled: pattern(grey, falling),
        ignored: grey,
        attempt: pattern(amber, rising),
        "setup": pattern(blue, falling),
        teardown: pattern(blue, rising),
      };
      fills["setup-failed"] = fills.error;
      Object.assign(fills, { held: colours.slots, waiting: colours.waiting });
    };
    const kind = (bar) => {
      if (bar.kind === "a") return "attempt";
      const isCalm = statuses[bar.status].key === "passed";
      if (isCalm && bar.kind === "s") return "setup";
      if (isCalm && bar.kind === "d") return "teardown";
      return statuses[bar.status].key;
    };
    const calm = (bar) => bar.kind === "t" && bar.status === statuses.length - 1;

    const box = (bar) => {
      const left = x(bar.start), right = x(bar.end);
      const least = calm(bar) ? 1 : 3;
      return [left, top(bar.row) + 2, Math.max(right - left - (right - left > 3 ? 1 : 0), least), rowHeight - 4];
    };
    const label = (text, at, y, align = "left") => {
      pen.textAlign = align;
      pen.fillText(text, at, y);
    };
    const axis = () => {
      const span = view.to - view.from, room = Math.max(2, Math.floor((width - gutter()) / 90));
      const rough = span / room, scale = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((it) => it * scale).find((it) => it >= rough);
      const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
      pen.fillStyle = colours.quiet;
      const inSeconds = view.to >= 1;
      for (let at = Math.max(0, Math.ceil(view.from / step) * step); at <= view.to; at += step) {
        const left = Math.round(x(at)) + 0.5;
        pen.strokeStyle = colours.grid;
        pen.beginPath();
        pen.moveTo(left, AXIS - 4);
        pen.lineTo(left, floor);
        pen.stroke();
        const text = inSeconds ? `${at.toFixed(digits)} s` : `${(at * 1e3).toFixed(Math.max(0, digits - 3))} ms`;
        if (left < width - 50) label(at === 0 ? "0" : text, left + 4, 16);
      }
    };
    const build = () => {
      const left = Math.max(x(-band), gutter()), right = x(data.beside ?? 0);
      if (!band || right <= left) return;
      pen.fillStyle = colours["bar-build"];
      pen.fillRect(left, top(0), right - left - 2, data.rows.length * rowHeight);
      if (right - left < 40) return;
      pen.fillStyle = colours.quiet;
      const took = seconds(data.build + (data.beside ?? 0));
      const text = right - left < 90 ? ["build"] : [`build ${took}`, isCut ? "(not to scale)" : ""];
      pen.save();
      pen.beginPath();
      pen.rect(left, 0, right - left, height);
      pen.clip();
      text.forEach((line, nth) => label(line, left + 6, top(0) + 17 + nth * 15));
      pen.restore();
    };
    const slots = () => {
      const y = (count) => floor - count / most * CHART;
      const area = (upper, lower, fill) => {
        pen.fillStyle = fill;
        steps.forEach(([at, ...it], nth) => {
          const left = Math.max(x(at), gutter()), right = x(nth + 1 < steps.length ? steps[nth + 1][0] : Math.max(at, data.wall));
          if (right <= left || left > width || upper(it) <= lower(it)) return;
          // On whole pixels, or else there are seams between the steps.
          pen.fillRect(Math.floor(left), y(upper(it)), Math.ceil(right) - Math.floor(left), y(lower(it)) - y(upper(it)));
        });
      };
      area(([held]) => held, () => 0, colours.slots);
      area(([held, waiting]) => held + waiting, ([held]) => held, colours.waiting);
      pen.strokeStyle = colours.quiet;
      pen.setLineDash([3, 3]);
      pen.beginPath();
      pen.moveTo(gutter(), Math.round(y(data.cap)) + 0.5);
      pen.lineTo(width - 8, Math.round(y(data.cap)) + 0.5);
      pen.stroke();
      pen.setLineDash([]);
      pen.fillStyle = colours.quiet;
      label(String(data.cap), gutter() - 8, y(data.cap) + 4, "right");
      label("0", gutter() - 8, floor, "right");
      if (width >= 600) label(data.slots.length ? "slots" : "busy", 12, floor - CHART / 2 + 4);
    };
    const draw = () => {
      const ratio = devicePixelRatio || 1;
      width = canvas.clientWidth;
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
      }
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      pen.font = "12px system-ui, sans-serif";
      pen.lineWidth = 1;
      axis();
      data.rows.forEach((name, row) => {
        if (rowHeight < 12 && row % 5) return;
        pen.fillStyle = colours.quiet;
        label(width < 600 ? name.replace("worker ", "").replace("host", "h") : name, 12, top(row) + rowHeight / 2 + 4);
      });
      pen.save();
      pen.beginPath();
      pen.rect(gutter(), 0, width - gutter(), height);
      pen.clip();
      build();
      let drawn = 0, visible = 0;
      // What needs a look is drawn over what does not, and never narrower than can be seen. Of what is calm and falls on
      // pixels that are painted already, nothing more would be seen.
      for (const isOver of [false, true]) {
        let row = -1, painted = 0;
        for (const bar of bars) {
          if (calm(bar) === isOver || bar.end < view.from || bar.start > view.to) continue;
          visible += 1;
          if (bar.row !== row) [row, painted] = [bar.row, -1];
          const [left, upper, across, down] = box(bar);
          if (!isOver && left + across <= painted) continue;
          painted = Math.ceil(left + across);
          pen.fillStyle = fills[kind(bar)];
          pen.beginPath();
          pen.roundRect(left, upper, across, down, across > 6 ? 2.5 : 0);
          pen.fill();
          drawn += 1;
        }
      }
      pen.restore();
      pen.save();
      pen.beginPath();
      pen.rect(gutter() - 20, 0, width, height);
      pen.clip();
      slots();
      if (current && current.end >= view.from && current.start <= view.to) {
        const [left, upper, across, down] = box(current);
        pen.strokeStyle = colours.text;
        pen.lineWidth = 2;
        pen.strokeRect(left - 1, upper - 1, across + 2, down + 2);
      }
      if (drag && drag.moved) {
        pen.fillStyle = colours.accent;
        pen.globalAlpha = 0.18;
        pen.fillRect(Math.min(drag.from, drag.to), AXIS, Math.abs(drag.to - drag.from), floor - AXIS);
      }
      pen.restore();
      Object.assign(canvas.dataset, { bars: visible, drawn, from: view.from, to: view.to });
    };
    let due = false;
    const soon = () => {
      if (due) return;
      due = true;
      requestAnimationFrame(() => { due = false; draw(); });
    };

    const show = (from, to) => {
      const least = Math.max(wall * 1e-5, 1e-4), span = Math.min(Math.max(to - from, least), whole.to - whole.from);
      const start = Math.min(Math.max(from, whole.from), whole.to - span);
      view = { from: start, to: start + span };
      soon();
    };
    const zoom = (factor, around = (view.from + view.to) / 2) =>
      show(around - (around - view.from) * factor, around + (view.to - around) * factor);

    const hide = () => { tip.hidden = true; };
    const tell = (bar, left, upper) => {
      const test = bar.test, status = statuses[bar.status];
      const what = { t: status.word, a: `attempt ${status.word}`, s: `setup ${status.word}`, d: `teardown ${status.word}` }[bar.kind];
      const facts = [what, seconds(bar.time), `from ${seconds(bar.start)}`, data.rows[bar.row]];
      const more = [test?.binary, bar.kind === "t" && test?.message].filter(Boolean);
      say(bar.name, [facts.join(" · "), ...more], left, upper);
    };
    const say = (name, lines, left, upper) => {
      tip.replaceChildren(element("b", {}, name), ...lines.flatMap((line) => [line, element("br")]).slice(0, -1));
      tip.hidden = false;
      const room = tip.getBoundingClientRect();
      tip.style.left = `${Math.max(8, Math.min(left + 12, innerWidth - room.width - 8))}px`;
      tip.style.top = `${upper + 18 + room.height > innerHeight ? Math.max(8, upper - room.height - 12) : upper + 18}px`;
    };
    const choose = (bar, isByKey) => {
      current = bar;
      if (!bar) return hide();
      if (isByKey) {
        const span = view.to - view.from;
        if (bar.start < view.from || bar.end > view.to) show(bar.start - span / 4, bar.start + span * 3 / 4);
        draw();
        const at = canvas.getBoundingClientRect(), [left, upper, , down] = box(bar);
        tell(bar, at.left + left, at.top + upper + down - 12);
      }
      soon();
    };
    const isOverBuild = (event) => {
      const room = canvas.getBoundingClientRect();
      const left = event.clientX - room.left, upper = event.clientY - room.top;
      return band && left >= gutter() && left >= x(-band) && left < x(data.beside ?? 0) && upper >= top(0) && upper < top(data.rows.length);
    };
    const at = (event) => {
      const room = canvas.getBoundingClientRect();
      const left = event.clientX - room.left, upper = event.clientY - room.top;
      const row = Math.floor((upper - AXIS) / rowHeight);
      if (!rowOf[row] || left < gutter()) return null;
      const distance = (bar) => { const [from, , across] = box(bar); return Math.max(from - left, left - from - across, 0); };
      let best = null, least = 4;
      for (const bar of rowOf[row]) {
        const far = distance(bar) + (calm(bar) ? 0.5 : 0);
        if (far < least) [best, least] = [bar, far];
      }
      return best;
    };

    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const left = event.clientX - canvas.getBoundingClientRect().left;
      drag = { from: left, to: left, moved: false, isTouch: event.pointerType === "touch" };
      if (!drag.isTouch) canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (drag && !drag.isTouch) {
        drag.to = Math.max(gutter(), event.clientX - canvas.getBoundingClientRect().left);
        drag.moved ||= Math.abs(drag.to - drag.from) > 4;
        if (drag.moved) { hide(); return soon(); }
      }
      const bar = at(event);
      canvas.style.cursor = bar?.test || bar?.failure ? "pointer" : "";
      choose(bar, false);
      if (bar) tell(bar, event.clientX, event.clientY);
      else if (isOverBuild(event)) say("build", [seconds(data.build + (data.beside ?? 0)) + (isCut ? ", not to scale" : "")], event.clientX, event.clientY);
    });
    canvas.addEventListener("pointerup", (event) => {
      const done = drag;
      drag = null;
      if (done?.moved) return show(timeAt(Math.min(done.from, done.to)), timeAt(Math.max(done.from, done.to)));
      const bar = at(event);
      if (done && bar) { choose(bar, false); hide(); go(bar); }
    });
    for (const name of ["pointercancel", "pointerleave", "blur"]) {
      canvas.addEventListener(name, () => { if (name !== "pointerleave" || !drag) { drag = null; hide(); soon(); } });
    }
    canvas.addEventListener("wheel", (event) => {
      // The plain wheel scrolls the page, as everywhere.
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const left = event.clientX - canvas.getBoundingClientRect().left;
        zoom(Math.exp(event.deltaY * 0.002), timeAt(left));
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        const by = event.deltaX / width * (view.to - view.from);
        show(view.from + by, view.to + by);
      }
    }, { passive: false });
    canvas.addEventListener("dblclick", () => show(whole.from, whole.to));
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const beside = (by) => {
        if (!current) return bars[0];
        const row = rowOf[current.row];
        return row[row.indexOf(current) + by] ?? current;
      };
      const across = (by) => {
        if (!current) return bars[0];
        const row = rowOf[current.row + by];
        if (!row?.length) return current;
        return row.reduce((best, bar) => Math.abs(bar.start - current.start) < Math.abs(best.start - current.start) ? bar : best);
      };
      const keys = {
        ArrowRight: () => choose(beside(1), true), ArrowLeft: () => choose(beside(-1), true),
        ArrowDown: () => choose(across(1), true), ArrowUp: () => choose(across(-1), true),
        "+": () => zoom(0.5, current?.start), "=": () => zoom(0.5, current?.start), "-": () => zoom(2, current?.start),
        0: () => show(whole.from, whole.to), Escape: () => { choose(null); soon(); },
        Enter: () => { if (current) { hide(); go(current); } },
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    find("#timeline .tools").hidden = false;
    find("[data-zoom=in]").addEventListener("click", () => zoom(0.5));
    find("[data-zoom=out]").addEventListener("click", () => zoom(2));
    find("[data-zoom=all]").addEventListener("click", () => show(whole.from, whole.to));

    const legend = () => {
      const there = new Set(bars.map(kind));
      if (data.slots.some(([, held]) => held)) there.add("held");
      if (data.slots.some(([, , waiting]) => waiting)) there.add("waiting");
      const words = { attempt: "earlier attempt", "setup": "setup", teardown: "teardown", held: "slots in use", waiting: "slots waited for" };
      const titles = {
        attempt: "It failed, and the test was tried again.",
        held: "A slot runs one process at a time. The dashed line is the number of slots that this run may use.",
        waiting: "There was something to run, but other programs had the slots.",
      };
      for (const status of statuses) words[status.key] = status.word;
      const names = Object.keys(fills).filter((name) => there.has(name)).map((name) => {
        const swatch = element("canvas", { width: 36, height: 22, "aria-hidden": "true" });
        const pen = swatch.getContext("2d");
        pen.scale(2, 2);
        pen.fillStyle = fills[name];
        pen.fillRect(0, 0, 18, 11);
        return element("span", titles[name] ? { title: titles[name] } : {}, swatch, words[name]);
      });
      find(".legend").replaceChildren(...names);
    };
    // From a failure, or from a row of the table, to the bar. Enter leads back.
    const reveal = (bar) => {
      const wide = x(bar.end) - x(bar.start), room = Math.max(bar.time * 40, wall * 1e-4);
      if (wide < 4) show(bar.start - room, bar.end + room);
      canvas.scrollIntoView({ block: "center", behavior: "instant" });
      canvas.focus({ preventScroll: true });
      choose(bar, true);
    };
    const barOf = (test) => bars.find((bar) => bar.test === test && bar.kind === "t");
    const barOfFailure = (failure) =>
      bars.find((bar) => bar.kind === "t" ? bar.test.failure === failure : bar.failure === failure);
    const dress = () => { mix(); legend(); draw(); };
    canvas.style.height = `${height}px`;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
    new ResizeObserver(soon).observe(canvas);
    dress();
    return { barOf, barOfFailure, reveal };
  })();

  // ---- The rest.

  const locate = (bar) => {
    const button = element("button", { type: "button", class: "locate" }, "Show in the timeline");
    button.addEventListener("click", () => timeline.reveal(bar));
    return button;
  };
  for (const entry of every(".failure")) {
    const bar = timeline.barOfFailure(+entry.id.slice("failure-".length));
    if (bar) (find(".command", entry) ?? find(".body", entry)).append(locate(bar));
  }
  for (const output of every(".output")) {
    if (!every(".change", output).some((change) => every(":scope > :not(:empty)", change).length === 2)) continue;
    const button = element("button", { type: "button", class: "sides", "aria-pressed": "false" }, "Side by side");
    button.addEventListener("click", () => button.setAttribute("aria-pressed", output.classList.toggle("beside")));
    const command = output.parentElement.querySelector(":scope > .command");
    if (command) command.append(button);
    else output.after(button);
  }
  for (const command of every(".command")) {
    const button = element("button", { type: "button" }, "Copy");
    button.addEventListener("click", async () => {
      const code = find("code", command);
      let isCopied = true;
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        // Not everywhere may a page from a file write to the clipboard; then what is selected is copied.
        getSelection().selectAllChildren(code);
        isCopied = document.execCommand("copy");
      }
      button.textContent = isCopied ? "Copied" : "Selected";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    find("code", command).after(button);
  }

  const follow = () => {
    const hash = location.hash.slice(1);
    const test = /^test-(\d+)$/.exec(hash), failure = /^failure-\d+$/.test(hash) && document.getElementById(hash);
    if (test && tests[test[1]]) table.choose(tests[test[1]]);
    else if (failure) failure.open = true;
    else if (table.follow(hash)) document.getElementById("tests")?.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input")) return;
    event.preventDefault();
    find("#tests input")?.focus();
  });
  table.follow("");
  follow();
  document.documentElement.dataset.ready = performance.now();
})();
