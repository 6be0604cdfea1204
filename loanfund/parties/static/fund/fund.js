// Small comforts; every page works without them.
"use strict";
(() => {
  // A form that was sent is not sent again by a second click. The server keeps its own watch by request_id.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("data-again")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    // After the browser has gathered the fields: the pressed button's name and value must go along.
    setTimeout(() => {
      if (event.defaultPrevented) return;
      form.dataset.sent = "yes";
      form.setAttribute("aria-busy", "true");
      document.querySelectorAll("button, input[type=submit]").forEach((button) => {
        if (button.form === form) button.setAttribute("aria-disabled", "true");
      });
    });
  });

  // Back from the next page, or a download begun: the form may be used again.
  const release = () =>
    document.querySelectorAll("form[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
      document.querySelectorAll("[aria-disabled=true]").forEach((button) => {
        if (button.form === form) button.removeAttribute("aria-disabled");
      });
    });
  window.addEventListener("pageshow", (event) => event.persisted && release());
  document.addEventListener("htmx:afterRequest", release);

  const summary = document.querySelector(".error-summary");
  if (summary) summary.focus();

  // On a phone the tabs scroll: the one that is open comes into view.
  document.querySelectorAll(".tabs [aria-current]").forEach((tab) => {
    const row = tab.closest("ul");
    row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
  });

  // The browser's question for a passkey was cancelled, took too long, or found none: the page says so.
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    document.querySelector("#no-passkey")?.remove();
    const said = document.createElement("div");
    said.id = "no-passkey";
    said.className = "notice notice-error";
    said.setAttribute("role", "alert");
    said.innerHTML = "<p>No passkey was used: this was cancelled, took too long, or there is none of yours here. Try again, or use another way.</p>";
    document.querySelector("main h1").after(said);
  });

  // A menu closes on Escape and on a click elsewhere.
  const close = (except) =>
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (menu !== except) menu.open = false;
    });
  document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.menu[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });
})();
