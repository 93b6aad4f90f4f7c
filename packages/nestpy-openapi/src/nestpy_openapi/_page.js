"use strict";

const nav = document.querySelector("nav");
const links = [...nav.querySelectorAll("a")];

function show(url) {
  window.ui = SwaggerUIBundle({
    url,
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    presets: [SwaggerUIBundle.presets.apis],
    validatorUrl: null,
    onComplete() {
      document.title = window.ui.specSelectors.specJson().getIn(["info", "title"]) || document.title;
    },
  });
  for (const link of links) {
    link.toggleAttribute("aria-current", link.dataset.url === url);
  }
}

for (const link of links) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    show(link.dataset.url);
  });
}
show(nav.dataset.url);
