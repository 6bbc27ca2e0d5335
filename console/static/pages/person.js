// One contact: what the tenant says of it, and the licenses it holds with their paths.

import { get } from "../api.js";
import { badge, busy, command, commandBar, essentials, heading, reload, section } from "../controls.js";
import { notifyError } from "../dialog.js";
import { h, replace } from "../dom.js";
import { askToErase, askToLift } from "../erasures.js";
import { day, words } from "../format.js";
import { licenseTitles, portalNames } from "../names.js";
import { personName } from "../persons.js";
import { address } from "../router.js";
import { empty, fillLater, message } from "../states.js";
import { table } from "../table.js";

/** Shows the page of segments people/portal/user. */
export function show(main, { segments, signal }) {
  const [, portalId, userId] = segments;
  const title = h("div", {}, heading("Contact", [["People", ["people"]]]));
  const content = h("div");
  replace(main, title, content);
  fillLater(content, signal, async () => {
    const [contact, titles] = await Promise.all([
      get(`/contacts/${portalId}/${userId}`, {}, signal),
      licenseTitles([portalId], signal),
    ]);
    const name = personName(contact);
    replace(title, heading(name, [["People", ["people"]]], contact.userPrincipalName));
    document.title = `${name} · Ledger365`;
    return contactView(contact, titles);
  });
}

function contactView(contact, titles) {
  const synced = { true: "Yes", false: "No" }[contact.onPremisesSync] ?? "No";
  return [
    personCommands(contact),
    contact.erased && message("info", h("p", {}, "The person was erased on demand: the ledger keeps a nameless holder of the licenses, over imports too.")),
    essentials([
      ["Sign-in", contact.blocked ? badge("suspended", "Blocked") : badge("Succeeded", "Allowed")],
      ["Kind", words(contact.kind)],
      ["Mail", contact.mail],
      ["Department", contact.department],
      ["Job title", contact.jobTitle],
      ["Company", contact.companyName],
      ["Employee ID", contact.employeeId],
      ["Country", contact.country],
      ["Usage location", contact.usageLocation],
      ["Synchronized from on-premises", synced],
      ["Created", day(contact.createdAt)],
      ["User ID", h("code", {}, contact.userId)],
    ]),
    section("Licenses", contact.assignments.length ? assignmentsTable(contact, titles) : empty("No licenses", "The contact holds none.")),
  ];
}

function personCommands(contact) {
  return commandBar(
    command("refresh", "Refresh", () => reload()),
    contact.erased === false && command("delete", "Erase person", () => askToErase(contact)),
    contact.erased && command("previous", "Lift erasure", (event) => busy(event.currentTarget, async () => askToLift(await portalNames(), contact.portalId), notifyError)),
  );
}

function assignmentsTable(contact, titles) {
  const title = (row) => titles(contact.portalId, row.skuId);
  return table({
    label: "Licenses of the contact",
    rows: contact.assignments,
    sort: "title",
    columns: [
      {
        key: "title",
        title: "License",
        wide: true,
        value: title,
        cell: (row) => h("a", { href: address(["licenses", contact.portalId, row.skuId]) }, title(row)),
      },
      { key: "path", title: "Path", value: (row) => row.path, cell: (row) => words(row.path) },
      {
        key: "groups",
        title: "Groups",
        cell: (row) => row.paths.map((path) => path.groupName ?? path.groupId).filter(Boolean).join(", ") || "–",
      },
      {
        key: "state",
        title: "State",
        value: (row) => row.state,
        cell: (row) => {
          const errors = row.paths.map((path) => path.error).filter((error) => error && error !== "None");
          return [badge(row.state === "Active" ? "Succeeded" : "warning", words(row.state)), errors.length > 0 && ` ${errors.map(words).join(", ")}`];
        },
      },
      { key: "plans", title: "Disabled plans", numeric: true, value: (row) => row.disabledPlans.length, cell: (row) => String(row.disabledPlans.length) },
    ],
  });
}
