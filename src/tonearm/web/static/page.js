"use strict";
// Says so while the page does not hear from the service.
document.addEventListener("htmx:sse:error", () => connection(false));
document.addEventListener("htmx:sse:after:connection", () => connection(true));
function connection(there) {
  const said = document.getElementById("connection");
  if (said) said.hidden = there;
}
