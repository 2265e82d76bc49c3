"use strict";
// Draws the curves of one track from what the API answers about it.
const page = document.getElementById("track");
const ink = () => getComputedStyle(document.body).getPropertyValue("color");
const colour = (name) => {
  const probe = document.createElement("span");
  probe.className = name;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};
const clock = (s) => `${Math.floor(s / 60)}:${String(Math.round(s) % 60).padStart(2, "0")}`;

// A range of at least 4 units, so that a steady tempo looks steady.
function widened(low, high) {
  const middle = (low + high) / 2;
  const half = Math.max(2, ((high - low) / 2) * 1.1);
  return [middle - half, middle + half];
}

function draw(id, label, unit, xs, ys, extra = {}) {
  const place = document.getElementById(id);
  if (!place || xs.length < 2) return;
  place.closest(".panel").hidden = false;
  const axis = { stroke: ink, grid: { stroke: "rgba(128,128,128,.2)" }, ticks: { stroke: "rgba(128,128,128,.2)" } };
  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: 180,
      scales: { x: { time: false }, y: { range: (_, low, high) => widened(low, high) } },
      axes: [{ ...axis, values: (_, at) => at.map(clock) }, { ...axis, size: 55 }],
      series: [
        { label: "time", value: (_, at) => (at == null ? "" : clock(at)) },
        { label: `${label} (${unit})`, stroke: colour("good"), width: 2, value: (_, v) => (v == null ? "–" : v.toFixed(1)), ...extra },
      ],
    },
    [xs, ys],
    place,
  );
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 180 })).observe(place);
}

async function show() {
  const answer = await fetch(`/api/v1/tracks/${page.dataset.id}`);
  if (!answer.ok) return;
  const track = await answer.json();
  const windows = (track.tempo_windows || []).filter((each) => each.bpm != null);
  draw("tempo", "tempo", "BPM", windows.map((each) => each.start_s), windows.map((each) => each.bpm));
  const loudness = track.loudness_curve || [];
  draw("loudness", "short-term loudness", "LUFS", loudness.map((_, second) => second), loudness);
  const beats = track.beats || [];
  const gaps = beats.slice(1).map((at, number) => 60 / (at - beats[number]));
  draw("beats", "tempo from beat to beat", "BPM", beats.slice(1), gaps, { points: { size: 3 } });
}
if (page) show();
