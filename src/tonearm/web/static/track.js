"use strict";
// Moves the playhead along the waveform, counts the beats, and seeks where the waveform is pressed.
const audio = document.getElementById("audio");
const wave = document.getElementById("wave");
const head = document.getElementById("playhead");

// How many beats have begun at a time: the first beat after it.
function begun(beats, at) {
  let low = 0;
  let high = beats.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (beats[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function beatsOf(id) {
  const answer = await fetch(`/api/v1/tracks/${id}`);
  return answer.ok ? (await answer.json()).beats || [] : [];
}

function follow(beats) {
  const lamp = document.querySelector("#beat .lamp");
  const number = document.getElementById("beat-number");
  const scroll = document.getElementById("scroll");
  document.getElementById("beat").hidden = !beats.length;
  let drawn = -1;
  function draw() {
    const at = audio.currentTime;
    if (wave && at !== drawn) {
      const x = at / Number(wave.dataset.step);
      head.setAttribute("transform", `translate(${x} 0)`);
      head.setAttribute("visibility", "visible");
      const place = (x / wave.viewBox.baseVal.width) * scroll.scrollWidth;
      const away = place - scroll.scrollLeft;
      if (!audio.paused && (away < 0 || away > scroll.clientWidth * 0.9)) scroll.scrollLeft = place - scroll.clientWidth * 0.1;
    }
    if (at !== drawn) {
      const count = begun(beats, at);
      number.textContent = count;
      lamp.classList.toggle("lit", count > 0 && at - beats[count - 1] < 0.12);
    }
    drawn = at;
    requestAnimationFrame(draw);
  }
  draw();
}

function seekable() {
  const zoom = document.getElementById("zoom");
  const wide = document.getElementById("wide");
  zoom.closest("label").hidden = false;
  zoom.addEventListener("input", () => {
    const scroll = document.getElementById("scroll");
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / scroll.scrollWidth;
    wide.style.width = `${zoom.value * 100}%`;
    scroll.scrollLeft = middle * scroll.scrollWidth - scroll.clientWidth / 2;
  });
  wave.addEventListener("click", (event) => {
    const box = wave.getBoundingClientRect();
    audio.currentTime = ((event.clientX - box.left) / box.width) * wave.viewBox.baseVal.width * Number(wave.dataset.step);
  });
}

if (audio) {
  if (wave) seekable();
  beatsOf(document.getElementById("track").dataset.id).then(follow);
}
