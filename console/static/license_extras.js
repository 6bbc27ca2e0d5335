// What a license has besides its position, where the API knows it: contract, forecast, services.

import { call, get, offers } from "./api.js";
import { command, essentials, field, reload, section } from "./controls.js";
import { ask, notify } from "./dialog.js";
import { h } from "./dom.js";
import { calendarDay, count, day, money, number, words } from "./format.js";

const FREQUENCIES = ["weekly", "monthly", "quarterly", "half_yearly", "yearly", "two_yearly", "three_yearly", "once"];

/** Promises the sections for a license that this deployment's API has. */
export async function licenseExtras(portalId, skuId, signal) {
  const key = `${portalId}/${skuId}`;
  const [priced, forecast, used] = await Promise.all([
    offers("/licenses/{portal_id}/{sku_id}/contract"),
    offers("/spend/forecast/{portal_id}/{sku_id}"),
    offers("/usage/licenses/{portal_id}/{sku_id}"),
  ]);
  return Promise.all([
    priced && contractSection(key, signal),
    forecast && forecastSection(key, signal),
    used && servicesSection(key, signal),
  ]);
}

async function orNull(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

async function contractSection(key, signal) {
  const found = await orNull(call("GET", `/licenses/${key}/contract`, { signal }));
  const contract = found?.data;
  const edit = command("savings", contract ? "Change contract" : "Enter contract", () => askForContract(key, contract, found?.etag));
  if (!contract) return section("Contract", h("p", { class: "quiet" }, "What is paid for the license is not entered."), edit);
  const { currency } = contract;
  return section(
    "Contract",
    essentials([
      ["Managed", contract.managed ? "Yes" : "No, left out of every figure"],
      ["Payment", contract.amount && `${money(contract.amount, currency)} ${words(contract.frequency).toLowerCase()}`],
      ["In force", contract.effectiveDate && [day(contract.effectiveDate), contract.endDate ? [" to ", day(contract.endDate)] : ", no end"]],
      ["Annual spend", money(contract.annualSpend, currency)],
      ["A seat a year", money(contract.unitCost, currency)],
    ]),
    edit,
  );
}

function askForContract(key, contract, etag) {
  const { hash } = location;
  const input = (name, attributes) => h("input", { name, value: contract?.[name] ?? "", ...attributes });
  const managed = h("input", { type: "checkbox", checked: contract?.managed ?? true });
  const amount = input("amount", { type: "text", inputmode: "decimal", placeholder: "1234.50" });
  const currency = input("currency", { type: "text", maxlength: 3, placeholder: "EUR" });
  const from = input("effectiveDate", { type: "date" });
  const until = input("endDate", { type: "date" });
  const frequency = h(
    "select",
    { name: "frequency" },
    h("option", { value: "" }, "–"),
    FREQUENCIES.map((each) => h("option", { value: each, selected: each === contract?.frequency }, words(each))),
  );
  return ask({
    title: "Contract",
    label: "Save",
    content: [
      h("label", { class: "check" }, managed, "Managed: counts in every figure"),
      field("Amount of a payment, for all units", amount),
      field("Currency", currency),
      field("Paid", frequency),
      field("From", from),
      field("Until", until, { hint: "Empty: no end." }),
    ],
    confirm: async () => {
      const body = {
        managed: managed.checked,
        amount: amount.value.trim() || null,
        currency: currency.value.trim().toUpperCase() || null,
        frequency: frequency.value || null,
        effectiveDate: from.value || null,
        endDate: until.value || null,
      };
      await call("PUT", `/licenses/${key}/contract`, { body, ifMatch: etag, ifAbsent: !contract });
      notify("success", "The contract was saved.");
      reload(hash);
      return true;
    },
  });
}

async function forecastSection(key, signal) {
  const forecast = await orNull(get(`/spend/forecast/${key}`, {}, signal));
  if (!forecast) return null;
  const text = forecast.runOutOn
    ? [
        `At the present trend all seats are taken on ${calendarDay(forecast.runOutOn)}`,
        forecast.earliestOn && `, at the earliest on ${calendarDay(forecast.earliestOn)}`,
        forecast.latestOn && `, at the latest on ${calendarDay(forecast.latestOn)}`,
        ".",
      ]
    : `${words(forecast.state)}, from ${count(forecast.historyDays, "recorded day")}.`;
  return section("Forecast", h("p", {}, text));
}

async function servicesSection(key, signal) {
  const use = await orNull(get(`/usage/licenses/${key}`, {}, signal));
  if (!use?.services.length) return null;
  return section(
    "Services in use",
    h("p", { class: "quiet" }, `Of ${number(use.holders)} holders, within the period of the reports; as of `, day(use.asOf)),
    h(
      "table",
      { class: "table table-plain" },
      h("thead", {}, h("tr", {}, ["Service", "Used", "Not used", "Unknown"].map((text) => h("th", { scope: "col" }, text)))),
      h(
        "tbody",
        {},
        use.services.map((each) =>
          h(
            "tr",
            {},
            h("td", {}, words(each.service), !each.reported && h("span", { class: "quiet" }, " without a report")),
            [each.used, each.notUsed, each.unknown].map((value) => h("td", { class: "numeric" }, number(value))),
          ),
        ),
      ),
    ),
  );
}
