"""What players get of the channels of a file."""

import numpy as np
import pytest

from tonearm.analysis.stereo import to_stereo


def test_16_bit_samples_come_out_as_they_are() -> None:
    samples = np.array([[-32_768, 32_767], [0, 1], [-1, 12_345]], np.int16)
    assert np.array_equal(to_stereo(samples.astype(np.float32) / np.float32(32_768)), samples)


def test_one_channel_is_played_by_both() -> None:
    assert to_stereo(np.array([[0.5]], np.float32)).tolist() == [[16_384, 16_384]]


def test_what_is_louder_than_full_scale_is_cut() -> None:
    assert to_stereo(np.array([[1.7, -900.0]], np.float32)).tolist() == [[32_767, -32_768]]


def test_surround_is_mixed_to_the_side_where_it_is() -> None:
    speakers = ("FL", "FR", "FC", "LFE", "SL", "SR")
    for channel, (left, right) in enumerate([(1, 0), (0, 1), (1, 1), (0, 0), (1, 0), (0, 1)]):
        samples = np.zeros((1, 6), np.float32)
        samples[0, channel] = 1
        [[heard_left, heard_right]] = to_stereo(samples, speakers).tolist()
        assert (heard_left > 0, heard_right > 0) == (left, right)


@pytest.mark.parametrize("channels", [3, 5, 6, 8, 13])
def test_a_mix_of_full_scale_is_not_cut(channels: int) -> None:
    assert to_stereo(np.full((1, channels), -1, np.float32)).min() >= -32_768
    assert to_stereo(np.full((1, channels), 0.99, np.float32)).max() < 32_767
