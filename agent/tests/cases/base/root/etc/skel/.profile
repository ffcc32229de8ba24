skel
