// Numbers, dates and states in the reader's locale and in Microsoft's words.

import { h } from "./dom.js";

const NUMBER = new Intl.NumberFormat();
const PERCENT = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const COLLATOR = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** A whole number with separators. */
export const number = (value) => NUMBER.format(value);

/** A count with its noun in the singular or plural: 1 portal, 2 portals. */
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

/** An amount, given as a decimal text, in its currency; a dash if it is not known. */
export function money(amount, currency) {
  if ((amount ?? null) === null || !currency) return "–";
  return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
}

/** A share of one as a percentage. */
export const percent = (share) => PERCENT.format(share);

/** Orders texts as the reader expects, and numbers by value; what is missing comes last. */
export function compare(one, other) {
  const [missing, otherMissing] = [one ?? null, other ?? null].map((value) => value === null);
  if (missing || otherMissing) return missing - otherMissing;
  if (typeof one === "number" && typeof other === "number") return one - other;
  return COLLATOR.compare(String(one), String(other));
}

function timed(iso, format) {
  if (!iso) return "–";
  const moment = new Date(iso);
  if (Number.isNaN(moment.getTime())) return "–";
  const title = `${moment.toISOString().replace("T", " ").slice(0, 19)} UTC`;
  return h("time", { datetime: iso, title }, format(moment));
}

/** A date and time here; in UTC on hover. */
export const moment = (iso) => timed(iso, (date) => MOMENT.format(date));

/** A date here; in UTC on hover. */
export const day = (iso) => timed(iso, (date) => DAY.format(date));

/** A time of day here; in UTC on hover. */
export const clock = (iso) => timed(iso, (date) => CLOCK.format(date));

/** How long ago or ahead; the moment in UTC on hover. */
export function relative(iso) {
  return timed(iso, (date) => {
    const seconds = (date.getTime() - Date.now()) / 1000;
    for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
      if (Math.abs(seconds) >= length) return RELATIVE.format(Math.round(seconds / length), unit);
    }
    return RELATIVE.format(Math.round(seconds), "second");
  });
}

/** A calendar day written as YYYY-MM-DD, without shifting it by the time zone. */
export function calendarDay(text) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" }).format(
    new Date(`${text}T00:00:00Z`),
  );
}

/** How long something took. */
export function duration(from, to) {
  if (!from) return "–";
  const seconds = ((to ? new Date(to) : new Date()) - new Date(from)) / 1000;
  if (seconds < 60) return `${Math.max(0, seconds).toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What Microsoft said: its code and text, the code once. */
export function microsoftSays(code, text) {
  if (!text) return `Microsoft says ${code}`;
  return `Microsoft says ${text.startsWith(code) ? text : `${code}: ${text}`}`;
}

const WORDS = {
  cannot_be_synchronized: "Cannot be synchronized",
  not_calculable: "Not calculable",
  under_licensed: "Under-licensed",
  over_licensed: "Over-licensed",
  portal_deleted: "Portal deleted",
  excluded_from_import: "Excluded from import",
  removed_from_tenant: "Removed from tenant",
  onedrive: "OneDrive",
  sharepoint: "SharePoint",
  power_bi: "Power BI",
  skype_for_business: "Skype for Business",
  microsoft_365_apps: "Microsoft 365 Apps",
  dynamics_365: "Dynamics 365",
  sign_ins: "Sign-ins",
  connection_test: "Connection test",
  PartiallySucceeded: "Partially succeeded",
  clientSecret: "Client secret",
  partiallysucceeded: "Partially succeeded",
  never: "Never tested",
  both: "Direct and group",
};

/** A value of the API as a person reads it: `under_licensed` is Under-licensed. */
export function words(value) {
  if (value in WORDS) return WORDS[value];
  const spaced = String(value)
    .replaceAll("_", " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
