"""Every reported number computed again, from the patients' arrays, by engines that share no code with ours."""
